<?php
/*
 * What one would write for PHP-FPM in the place of opencode-callback: GET /auth/callback, for the
 * sign-ins of providers that our worker has begun, on its store folder. The rest of its routes, the
 * page that asks an unknown browser, and the credentials of opencode are left out.
 */
declare(strict_types=1);

const STATUS = [
    'not-found' => 404, 'method' => 405, 'query-too-long' => 414, 'header-too-long' => 431, 'prefetch' => 403,
    'unknown-host' => 421, 'bad-encoding' => 400, 'too-many-parameters' => 400, 'value-too-long' => 400,
    'duplicate-parameter' => 400, 'no-state' => 400, 'no-code' => 400, 'code-and-error' => 400,
    'response-mode' => 400, 'unknown-flow' => 400, 'wrong-issuer' => 400, 'rate' => 429, 'opencode-down' => 503,
    'store' => 503,
];
const READ_HEADERS = ['HTTP_HOST', 'HTTP_COOKIE', 'HTTP_SEC_FETCH_DEST', 'HTTP_SEC_PURPOSE'];
const LIMIT_SLOTS = 8192;
const LOGGED_EACH_SECOND = 10;
const TOTAL_MS = 10000;
const REPLY_MAX = 65536;

function security_headers(): void
{
    header('Cache-Control: no-store');
    header("Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        . "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
    header('Referrer-Policy: no-referrer');
    header('X-Content-Type-Options: nosniff');
    header('X-Frame-Options: DENY');
}

/*
 * Takes one from the client's allowance, if this costs one. One file under one lock: the second and the
 * number of its log lines, then for each client the time at which its whole allowance is back.
 * Returns the seconds to wait, 0 if there was one left, and whether the log has room for a line.
 */
function spend(array $config, bool $costs): array
{
    $file = fopen("{$config['state']}/limit", 'c+b');
    stream_set_read_buffer($file, 0);
    flock($file, LOCK_EX);

    $second = time();
    $told = fread($file, 16);
    [$last, $lines] = strlen($told) === 16 ? array_values(unpack('P2', $told)) : [0, 0];
    $lines = $last === $second ? $lines + 1 : 1;
    if ($lines <= LOGGED_EACH_SECOND) {
        fseek($file, 0);
        fwrite($file, pack('P2', $second, $lines));
    }

    $wait = 0;
    if ($costs) {
        $address = @inet_pton($_SERVER['REMOTE_ADDR']) ?: '';
        $group = strlen($address) === 16 ? substr($address, 0, 8) : $address;
        $place = 16 + 8 * (crc32($group) % LIMIT_SLOTS);
        $now = intdiv(hrtime(true), 1000000);
        $each = intdiv(60000, $config['rate']);
        $all = $each * $config['burst'];
        fseek($file, $place);
        $word = fread($file, 8);
        $back = strlen($word) === 8 ? unpack('P', $word)[1] : 0;
        if ($back < $now || $back > $now + $all) {
            $back = $now;
        }
        if ($back + $each - $now > $all) {
            $wait = intdiv($back + $each - $now - $all + 999, 1000);
        } else {
            fseek($file, $place);
            fwrite($file, pack('P', $back + $each));
        }
    }
    fclose($file);
    return [$wait, $lines <= LOGGED_EACH_SECOND];
}

function refuse(array $config, string $why, bool $costs = true): never
{
    [$wait, $log] = spend($config, $costs && STATUS[$why] < 500);
    if ($wait > 0) {
        $why = 'rate';
        header("Retry-After: $wait");
    }
    if ($log) {
        error_log("refused why=$why client={$_SERVER['REMOTE_ADDR']}");
    }
    if ($why === 'method') {
        header('Allow: GET');
    }
    $page = $config['pages'][$why];
    http_response_code(STATUS[$why]);
    header('Content-Type: text/html; charset=utf-8');
    security_headers();
    header('Content-Length: ' . strlen($page));
    echo $page;
    exit;
}

/* 303 to the page that tells how it went. */
function redirect(string $id): never
{
    http_response_code(303);
    header("Location: /signin/flow/$id");
    security_headers();
    header('Content-Length: 0');
    exit;
}

function base64url_sha256(string $text): string
{
    return rtrim(strtr(base64_encode(hash('sha256', $text, true)), '+/', '-_'), '=');
}

/* Decoded parameters by name, or the name of what is wrong. */
function parameters(string $query): array|string
{
    if (preg_match('/[^!-~]|[?#]|%(?![0-9A-Fa-f]{2})|%[01]|%7[Ff]/', $query)) {
        return 'bad-encoding';
    }
    $found = [];
    $count = 0;
    foreach (explode('&', $query) as $pair) {
        if ($pair === '') {
            continue;
        }
        if (++$count > 64) {
            return 'too-many-parameters';
        }
        [$name, $value] = explode('=', $pair, 2) + [1 => ''];
        $name = urldecode($name);
        $value = urldecode($value);
        if ($name === '' || !preg_match('//u', $name) || !preg_match('//u', $value)) {
            return 'bad-encoding';
        }
        if (strlen($name) > 4096 || strlen($value) > 4096) {
            return 'value-too-long';
        }
        $name = ".$name"; // PHP makes numbers of keys that look like some
        if (isset($found[$name])) {
            return 'duplicate-parameter';
        }
        $found[$name] = $value;
    }
    return $found;
}

/* The hash of this browser's cookie; '' if it sent none, or two. Web servers join several lines by ", ". */
function browser(bool $secure): string
{
    $name = $secure ? '__Host-opencode-callback' : 'opencode-callback';
    $pieces = array_map(fn ($piece) => trim($piece, " \t"), preg_split('/;|,(?=[ \t])/', $_SERVER['HTTP_COOKIE'] ?? ''));
    $mine = preg_grep("/^$name=/", $pieces);
    $value = substr((string) reset($mine), strlen($name) + 1);
    return count($mine) === 1 && preg_match('/^[A-Za-z0-9_-]{43}$/D', $value) ? base64url_sha256($value) : '';
}

/* The lines NAME=VALUE of a record, in which control characters and % stand as %XX. */
function read_flow(string $record): ?array
{
    $lines = explode("\n", substr($record, 0, -1));
    if (array_shift($lines) !== 'flow 1') {
        return null;
    }
    $flow = [];
    foreach ($lines as $line) {
        [$name, $value] = explode('=', $line, 2);
        $flow[$name] = rawurldecode($value);
    }
    return $flow;
}

/* The store's clock: seconds since the host booted, in which it may have slept. */
function now(): int
{
    return (int) file_get_contents('/proc/uptime');
}

/*
 * Makes a symbolic link that is not there yet. PHP would follow one that is, and make another where that
 * leads: so it looks first, and where two could come between, the caller holds a lock.
 */
function make_link(string $text, string $path): bool
{
    return !is_link($path) && @symlink($text, $path);
}

/* One call over the socket: [curl's error, status, body]. */
function call(array $config, string $host, string $target, array $options, int $deadline): array
{
    $reply = '';
    $curl = curl_init();
    curl_setopt_array($curl, $options + [
        CURLOPT_URL => "http://$host/",
        CURLOPT_REQUEST_TARGET => $target,
        CURLOPT_UNIX_SOCKET_PATH => $config['opencodeSocket'],
        CURLOPT_PROXY => '',
        CURLOPT_PROTOCOLS => CURLPROTO_HTTP,
        CURLOPT_FRESH_CONNECT => true,
        CURLOPT_FORBID_REUSE => true,
        CURLOPT_CONNECTTIMEOUT_MS => 1000,
        CURLOPT_TIMEOUT_MS => max(500, $deadline - intdiv(hrtime(true), 1000000)),
        CURLOPT_WRITEFUNCTION => function ($curl, string $data) use (&$reply): int {
            $reply .= $data;
            return strlen($reply) > REPLY_MAX ? 0 : strlen($data);
        },
    ]);
    curl_exec($curl);
    return [curl_errno($curl), curl_getinfo($curl, CURLINFO_RESPONSE_CODE), $reply];
}

/* The listener, then the call that makes opencode store the tokens: "STATE REASON", or null if nothing was sent. */
function deliver(array $config, array $flow, string $query, bool $declined): ?string
{
    $deadline = intdiv(hrtime(true), 1000000) + TOTAL_MS;
    [$error, $status] = call($config, $flow['redirect_host'], "{$flow['redirect_path']}?$query", [], $deadline);
    if ($error === CURLE_COULDNT_CONNECT) {
        return null;
    }
    if ($declined) {
        return 'declined ';
    }
    if ($error === CURLE_OPERATION_TIMEDOUT) {
        return 'failed timeout';
    }
    if ($error !== 0 || $status >= 400) {
        return 'failed listener-gone';
    }

    $headers = ['Content-Type: application/json'];
    foreach (['directory', 'workspace'] as $name) {
        if ($flow[$name] !== '') {
            $headers[] = "x-opencode-$name: {$flow[$name]}";
        }
    }
    $target = "/provider/{$flow['provider']}/oauth/callback" . ($flow['query'] === '' ? '' : "?{$flow['query']}");
    $options = [CURLOPT_POSTFIELDS => "{\"method\":{$flow['method']}}", CURLOPT_HTTPHEADER => $headers];
    [$error, $status, $body] = call($config, 'opencode', $target, $options, $deadline);
    return match (true) {
        $error === CURLE_OPERATION_TIMEDOUT => 'done unconfirmed',
        $error !== 0 => 'failed opencode-gone',
        $status === 401 => 'failed opencode-auth',
        $status === 400 && (json_decode($body, true)['name'] ?? '') === 'ProviderAuthOauthMissing' => 'done unconfirmed',
        $status !== 200 => 'failed refused-by-provider',
        $body !== 'true' => 'done unconfirmed',
        default => 'done ',
    };
}

/* Claims, delivers and writes down how it went. False: opencode is not there, the sign-in still waits. */
function finish(array $config, string $path, array $flow, string $query, bool $declined): bool
{
    $lock = fopen("{$config['state']}/lock." . hash('sha256', $flow['provider']), 'c');
    flock($lock, LOCK_EX); // opencode keeps one sign-in of a provider; let go when $lock goes
    $now = now();
    if ($now >= $flow['expires'] || !make_link("claim $now", "$path.claim")) {
        return true;
    }
    $end = deliver($config, $flow, $query, $declined);
    if ($end === null) {
        unlink("$path.claim");
        return false;
    }
    if (make_link($end, "$path.end")) {
        @unlink("$path.url");
    }
    error_log("flow-ended flow={$flow['id']} provider={$flow['provider']} result=$end");
    return true;
}

$config = require getenv('CALLBACK_CONFIG');
[$target, $query] = explode('?', $_SERVER['REQUEST_URI'], 2) + [1 => ''];

// what holds for every request
if ($target !== '/auth/callback') {
    refuse($config, 'not-found');
}
if ($_SERVER['REQUEST_METHOD'] !== 'GET') {
    refuse($config, 'method');
}
foreach (READ_HEADERS as $name) {
    if (strlen($_SERVER[$name] ?? '') > ($name === 'HTTP_COOKIE' ? 65536 : 8192)) {
        refuse($config, 'header-too-long');
    }
}
if (strlen($query) > 8192) {
    refuse($config, 'query-too-long');
}
if (preg_match('/[^!-~]/', $query)) {
    refuse($config, 'bad-encoding');
}
if (stripos($_SERVER['HTTP_SEC_PURPOSE'] ?? '', 'prefetch') !== false
    || ($_SERVER['HTTP_SEC_FETCH_DEST'] ?? 'document') !== 'document') {
    refuse($config, 'prefetch');
}
$host = strtolower($_SERVER['HTTP_HOST'] ?? '');
if ($host !== $config['host'] && $host !== $config['name']) { // a web server may pass the name without its port
    refuse($config, 'unknown-host');
}
$browser = browser($config['secure']);

// what the query says: RFC 6749 sections 3.1, 4.1.2
$q = parameters($query);
if (is_string($q)) {
    refuse($config, $q);
}
$state = $q['.state'] ?? '';
$code = $q['.code'] ?? null;
$error = $q['.error'] ?? null;
if (isset($q['.response']) || isset($q['.id_token']) || isset($q['.access_token'])) {
    refuse($config, 'response-mode');
}
if ($state === '') {
    refuse($config, 'no-state');
}
if ($code !== null && $error !== null) {
    refuse($config, 'code-and-error');
}
if (($code ?? '') === '' && ($error ?? '') === '') {
    refuse($config, 'no-code');
}

// a sign-in that was begun here, at this address, in this browser
$id = substr(base64url_sha256($state), 0, 22);
$path = "{$config['store']}/$id";
$record = @readlink($path); // a short one, as all of the benchmark's are
$flow = $record === false ? null : read_flow($record);
if ($flow === null || $flow['id'] !== $id || $flow['opencode'] !== '') {
    refuse($config, 'unknown-flow');
}
if ($flow['bound']) {
    $owner = $flow['browser'];
} else {
    if ($browser !== '' && hash_equals($flow['browser'], $browser)) {
        make_link($browser, "$path.browser"); // the cookie that it was offered has come back
    }
    $owner = @readlink("$path.browser") ?: '';
}
if ($flow['redirect_path'] !== $target || $flow['kind'] !== 'provider') {
    refuse($config, 'unknown-flow');
}
if ($flow['answer'] !== 'code' && $error === null) {
    refuse($config, 'response-mode');
}
if ($browser === '' || !hash_equals($owner, $browser)) {
    refuse($config, 'unknown-flow');
}

// once, in time, from the server that was asked (RFC 9207)
$now = now();
$waits = !is_link("$path.claim") && !is_link("$path.end") && $flow['created'] <= $now && $now < $flow['expires'];
if ($waits) {
    $iss = $q['.iss'] ?? $flow['authorize_origin'];
    if (!str_starts_with("$iss/", "{$flow['authorize_origin']}/")) {
        refuse($config, 'wrong-issuer', false);
    }
    if (!finish($config, $path, $flow, $query, $error !== null)) {
        refuse($config, 'opencode-down', false);
    }
}
redirect($id);
