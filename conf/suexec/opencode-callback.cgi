#!/bin/sh
# Apache's suexec takes every OPENCODE_ variable away from a CGI program. This
# wrapper runs in its place and sets them here. As suexec wants it: copy it to a
# folder below its document root (/var/www), folder and file owned by the user
# and group that it runs as and writable by nobody else, and name it in the
# web server's configuration in place of the program.
#
# That user owns the store, and is a member of the group opencode-callback.

#OPENCODE_PUBLIC_URL=https://opencode.example.com
#export OPENCODE_PUBLIC_URL
OPENCODE_CALLBACK_CONFIG=/etc/opencode-callback/opencode-callback.ini
export OPENCODE_CALLBACK_CONFIG

# No arguments: what a request brings never becomes one.
exec /usr/lib/cgi-bin/opencode-callback.cgi
