#!/bin/sh
# Apache's suexec removes every OPENCODE_ variable from the environment of a CGI
# program. This wrapper sets them and then runs the program. Copy it to a folder
# below suexec's document root (/var/www). The user and group that it runs as must
# own the folder and the file, and nobody else may write to them. Name the wrapper
# instead of the program in the web server's configuration.
#
# That user must own the store and be a member of the group opencode-callback.

#OPENCODE_PUBLIC_URL=https://opencode.example.com
#export OPENCODE_PUBLIC_URL
OPENCODE_CALLBACK_CONFIG=/etc/opencode-callback/opencode-callback.ini
export OPENCODE_CALLBACK_CONFIG

# No arguments: nothing from a request becomes one.
exec /usr/lib/cgi-bin/opencode-callback.cgi
