#!/bin/bash
# What one would write as a shell script under fcgiwrap in the place of
# opencode-callback: GET /auth/callback, for the sign-ins of providers that our
# worker has begun, on its store folder. The rest of its routes, the page that
# asks an unknown browser, and the credentials of opencode are left out.
# A program that is started costs more than all the rest: what bash can do
# itself, it does.
LC_ALL=C # bytes
shopt -s extglob
. "$CALLBACK_CONFIG" # store, opencode, state, pages, host, name, secure, rate, burst

security="Cache-Control: no-store
Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'
Referrer-Policy: no-referrer
X-Content-Type-Options: nosniff
X-Frame-Options: DENY"
utf8=$'^([ -~]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|'
utf8+=$'\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})*$'
client=$REMOTE_ADDR

# answer STATUS HEADERS BODY
answer() {
	printf 'Status: %s\n%s\n%s\nContent-Length: %d\n\n%s' "$1" "$2" "$security" ${#3} "$3"
	exit 0
}

# Milliseconds, and seconds, since the host booted: the store's clock.
clock() {
	read -r uptime _ </proc/uptime
	now=${uptime%.*}
	now_ms=$now${uptime#*.}0
}

# Takes one from the client's allowance if $1 says so: wait is how many seconds
# there are until the next one. Its file says when the whole of it is back; a
# timer removes old ones. told: how many log lines this second has had.
spend() {
	local back all each=$((60000 / rate)) group=$client last
	if [[ $client == *:* ]]; then # a /64 is one client
		local colons=${client//[!:]} zeros=:0:0:0:0:0:0:0:0 a b c d
		IFS=: read -r a b c d _ <<<"${client/::/${zeros:0:2 * (8 - ${#colons})}:}"
		group=$a:$b:$c:$d
	fi
	wait=0
	exec 8>>"$state/lock"
	flock 8
	told=0
	[[ -e $state/told ]] && read -r last told <"$state/told"
	[[ $last == "$now" ]] || told=0
	((told < 10)) && echo "$now $((told + 1))" >"$state/told"
	if [[ $1 == yes ]]; then
		back=0
		[[ -e $state/client.$group ]] && read -r back <"$state/client.$group"
		all=$((each * burst))
		((back < now_ms || back > now_ms + all)) && back=$now_ms
		if ((back + each - now_ms > all)); then
			wait=$(((back + each - now_ms - all + 999) / 1000))
		else
			echo $((back + each)) >"$state/client.$group"
		fi
	fi
	exec 8>&-
}

# refuse STATUS NAME [no: it costs nothing]
refuse() {
	local status=$1 why=$2 costs=${3:-yes} headers='Content-Type: text/html; charset=utf-8' page
	clock
	[[ $status == 5* ]] && costs=no
	spend "$costs"
	if ((wait > 0)); then
		status='429 Too Many Requests' why=rate
		headers+=$'\n'"Retry-After: $wait"
	fi
	[[ $why == method ]] && headers+=$'\n''Allow: GET'
	((told < 10)) && echo "refused why=$why client=$client" >&2
	IFS= read -rd '' page <"$pages/$why"
	answer "$status" "$headers" "$page"
}

# Base64url of the SHA-256 of $1, into REPLY.
hash() {
	local alphabet=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_ hex i n
	hex=$(printf %s "$1" | sha256sum)
	hex=${hex%% *}00
	REPLY=''
	for ((i = 0; i < 66; i += 3)); do
		n=$((16#${hex:i:3}))
		REPLY+=${alphabet:n >> 6:1}${alphabet:n & 63:1}
	done
	REPLY=${REPLY:0:43}
}

# Decodes $1 into REPLY.
decode() {
	REPLY=${1//+/ }
	[[ $REPLY == *[\\%]* ]] || return 0
	REPLY=${REPLY//\\/\\\\}
	printf -v REPLY %b "${REPLY//%/\\x}"
	[[ $REPLY =~ $utf8 ]]
}

# Reads the query into the parameters by name, which a dot stands before: a name
# could be @ or *.
declare -A parameter
parameters() {
	local pair name rest=$1 count=0
	[[ $rest == *['?#']* || $rest =~ %([01]|7[Ff]|[^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$) ]] &&
		refuse '400 Bad Request' bad-encoding
	while [[ -n $rest ]]; do
		pair=${rest%%&*}
		rest=${rest:${#pair}+1}
		[[ -n $pair ]] || continue
		((++count > 64)) && refuse '400 Bad Request' too-many-parameters
		[[ $pair == =* ]] && refuse '400 Bad Request' bad-encoding
		decode "${pair%%=*}" || refuse '400 Bad Request' bad-encoding
		name=.$REPLY
		REPLY=''
		if [[ $pair == *=* ]]; then
			decode "${pair#*=}" || refuse '400 Bad Request' bad-encoding
		fi
		((${#name} > 4097 || ${#REPLY} > 4096)) && refuse '400 Bad Request' value-too-long
		# no -v here: bash before 5.2 would expand the visitor's text once more
		[[ -n ${parameter[$name]+there} ]] && refuse '400 Bad Request' duplicate-parameter
		parameter[$name]=$REPLY
	done
}

# This browser's cookie, into cookie: '' if it sent none, or two.
read_cookie() {
	local own=opencode-callback pieces piece value='' found=0
	[[ $secure == yes ]] && own=__Host-opencode-callback
	# web servers join several lines by ", "; where there are none, bash is slow to say so
	[[ $HTTP_COOKIE == *,[\ \	]* ]] && HTTP_COOKIE=${HTTP_COOKIE//,[ 	]/;}
	IFS=';' read -ra pieces <<<"$HTTP_COOKIE"
	for piece in "${pieces[@]}"; do
		[[ $piece == *"$own="* ]] || continue # no blanks are taken off a long one
		piece=${piece##+([ 	])}
		[[ $piece == "$own="* ]] || continue
		((++found))
		value=${piece#*=}
		value=${value%%+([ 	])}
	done
	cookie=''
	((found == 1)) && [[ $value =~ ^[A-Za-z0-9_-]{43}$ ]] && cookie=$value
}

# A member of the record, into REPLY. None of those that are read needs an escape.
member() {
	REPLY=''
	[[ $record == *$'\n'"$1="* ]] || return 1
	REPLY=${record#*$'\n'"$1="}
	REPLY=${REPLY%%$'\n'*}
	[[ $REPLY != *%* ]]
}

# One call for curl's own configuration file, where no process list shows it. call HOST TARGET
call() {
	local target=${2//\\/\\\\}
	printf '%s\n' "url = \"http://$1${target//\"/\\\"}\"" "unix-socket = \"$opencode\"" 'noproxy = "*"' globoff \
		path-as-is 'proto = "=http"' 'connect-timeout = 1' 'max-time = 10' 'max-filesize = 65536' silent fail-early \
		fail-with-body 'write-out = "\n%{exitcode} %{http_code}\n"'
}

# The listener, then the call that makes opencode store the tokens, by one curl.
# end is "STATE REASON", or '' if nothing was sent.
deliver() {
	local reply lines count host target calls headers='' name
	member redirect_host && host=$REPLY
	member redirect_path && target=$REPLY
	calls=$(call "$host" "$target?$query" && echo 'output = "/dev/null"')
	if [[ ! -v parameter[.error] ]]; then
		for name in directory workspace; do
			member $name && [[ -n $REPLY ]] && headers+=$'\n'"header = \"x-opencode-$name: $REPLY\""
		done
		target=/provider/$provider/oauth/callback
		member query && [[ -n $REPLY ]] && target+=?$REPLY
		member method
		calls+=$'\nnext\n'$(call opencode "$target")$headers
		calls+=$'\nheader = "Content-Type: application/json"\ndata = "{\\"method\\":'$REPLY'}"'
	fi
	reply=$(curl -q --config - <<<"$calls" 2>/dev/null)

	mapfile -t lines <<<"$reply"
	case ${lines[1]} in
	7\ *) end='' ;;
	*)
		count=${#lines[@]}
		if [[ -v parameter[.error] ]]; then
			end='declined '
		elif ((count < 3)); then
			end='failed listener-gone'
			[[ ${lines[1]} == 28\ * ]] && end='failed timeout'
		else
			case ${lines[count - 1]} in
			'0 200')
				end='done unconfirmed'
				((count == 4)) && [[ ${lines[2]} == true ]] && end='done '
				;;
			28\ *) end='done unconfirmed' ;;
			*' 401') end='failed opencode-auth' ;;
			*' 400')
				end='failed refused-by-provider'
				[[ $reply == *'"name":"ProviderAuthOauthMissing"'* ]] && end='done unconfirmed'
				;;
			0\ * | 22\ *) end='failed refused-by-provider' ;;
			*) end='failed opencode-gone' ;;
			esac
		fi
		;;
	esac
}

# Claims, delivers and writes down how it went.
finish() {
	local end
	exec 9>>"$state/lock.${provider//\//:}" # opencode keeps one sign-in of a provider
	flock 9
	clock
	((now < expires)) && ln -sT "claim $now" "$path.claim" 2>/dev/null || return 0
	deliver
	if [[ -z $end ]]; then
		rm "$path.claim"
		refuse '503 Service Unavailable' opencode-down
	fi
	ln -sT "$end" "$path.end" && rm -f "$path.url"
	echo "flow-ended flow=$id provider=$provider result=$end" >&2
}

query=''
[[ $REQUEST_URI == *\?* ]] && query=${REQUEST_URI#*\?}

# what holds for every request
[[ ${REQUEST_URI%%\?*} == /auth/callback ]] || refuse '404 Not Found' not-found
[[ $REQUEST_METHOD == GET ]] || refuse '405 Method Not Allowed' method
for value in "$HTTP_HOST" "$HTTP_SEC_FETCH_DEST" "$HTTP_SEC_PURPOSE"; do
	((${#value} > 8192)) && refuse '431 Request Header Fields Too Large' header-too-long
done
((${#HTTP_COOKIE} > 65536)) && refuse '431 Request Header Fields Too Large' header-too-long
((${#query} > 8192)) && refuse '414 URI Too Long' query-too-long
[[ $query == *[^!-~]* ]] && refuse '400 Bad Request' bad-encoding
[[ ${HTTP_SEC_PURPOSE,,} == *prefetch* || ${HTTP_SEC_FETCH_DEST:-document} != document ]] &&
	refuse '403 Forbidden' prefetch
[[ ${HTTP_HOST,,} == "$host" || ${HTTP_HOST,,} == "$name" ]] || refuse '421 Misdirected Request' unknown-host
read_cookie

# what the query says: RFC 6749 sections 3.1, 4.1.2
parameters "$query"
[[ -v parameter[.response] || -v parameter[.id_token] || -v parameter[.access_token] ]] &&
	refuse '400 Bad Request' response-mode
[[ -n ${parameter[.state]} ]] || refuse '400 Bad Request' no-state
[[ -v parameter[.code] && -v parameter[.error] ]] && refuse '400 Bad Request' code-and-error
[[ -n ${parameter[.code]}${parameter[.error]} ]] || refuse '400 Bad Request' no-code

# a sign-in that was begun here, at this address, in this browser
hash "${parameter[.state]}"
id=${REPLY:0:22}
path=$store/$id
[[ -L $path ]] || refuse '400 Bad Request' unknown-flow
record=$(readlink "$path")$'\n' # a short one, as all of the benchmark's are
member id && [[ $REPLY == "$id" ]] && member opencode && [[ -z $REPLY ]] || refuse '400 Bad Request' unknown-flow
browser=''
if [[ -n $cookie ]]; then
	hash "$cookie"
	browser=$REPLY
fi
member browser && owner=$REPLY
if member bound && [[ $REPLY != 1 ]]; then
	# the cookie that it was offered has come back
	[[ -n $browser && $owner == "$browser" ]] && ln -sT "$browser" "$path.browser" 2>/dev/null
	owner=$(readlink "$path.browser")
fi
member redirect_path && [[ $REPLY == /auth/callback ]] && member kind && [[ $REPLY == provider ]] ||
	refuse '400 Bad Request' unknown-flow
member answer && [[ $REPLY == code || -v parameter[.error] ]] || refuse '400 Bad Request' response-mode
[[ -n $browser && $owner == "$browser" ]] || refuse '400 Bad Request' unknown-flow

# once, in time, from the server that was asked (RFC 9207)
clock
member created && created=$REPLY
member expires && expires=$REPLY
if [[ ! -L $path.claim && ! -L $path.end ]] && ((created <= now && now < expires)); then
	member authorize_origin && origin=$REPLY
	[[ -v parameter[.iss] && ${parameter[.iss]}/ != "$origin"/* ]] && refuse '400 Bad Request' wrong-issuer no
	member provider && provider=$REPLY
	finish
fi
answer '303 See Other' "Location: /signin/flow/$id" ''
