#!/bin/sh
# A systemd of its own in namespaces of its own (mount, process, network, cgroup):
# it sees this machine's programs, an /etc that is a copy with one more user, what
# make install has put below /usr/local, and no unit but ours.
#
#   systemd.boot FOLDER     with FOLDER/local, FOLDER/etc, FOLDER/run, FOLDER/units
set -eu
folder=$1
mount --make-rprivate /
kind=$(stat -f -c %T /sys/fs/cgroup)
umount -R /sys/fs/cgroup || :
if [ "$kind" = cgroup2fs ]; then
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
	mount -t tmpfs tmpfs /sys/fs/cgroup
	mkdir /sys/fs/cgroup/systemd
	mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
fi
cp -a /etc "$folder/copy"
cp -a "$folder/etc/." "$folder/copy"
echo "alice:x:60100:60100::$folder/home:/bin/sh" >>"$folder/copy/passwd"
echo 'alice:x:60100:' >>"$folder/copy/group"
mount --bind "$folder/copy" /etc
mount --bind "$folder/local" /usr/local
mount -t tmpfs tmpfs "$folder/run"
mount --bind "$folder/run" /run
mkdir /run/systemd /run/lock
systemd-sysusers opencode-callback.conf
systemd-tmpfiles --create opencode-callback.conf
SYSTEMD_UNIT_PATH=$folder/units:/usr/local/lib/systemd/system
export SYSTEMD_UNIT_PATH
exec env container=test /lib/systemd/systemd --system --unit=boot.target --log-target=console --show-status=no
