#!/bin/sh
# Starts the chat room as it is deployed: KIND PORT PYTHON. KIND is tls (in uvicorn), nginx, or nginx-tls. What it needs
# is in a folder that goes with it; the certificate is its own.
kind=$1 port=$2 python=$3 here=$PWD
folder=$(mktemp -d)
room= nginx=
end() { status=$?; trap - EXIT; kill $room $nginx 2>/dev/null; wait; rm -rf "$folder"; exit $status; }
trap end EXIT
trap 'exit 0' TERM INT

case $kind in *tls)
  openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
    -keyout "$folder/key.pem" -out "$folder/certificate.pem" 2>"$folder/openssl" || { cat "$folder/openssl" >&2; exit 1; }
esac
set -- --strategy coalesced --host 127.0.0.1 --notice-limit 200
cd ../../.. || exit 1
if [ "$kind" = tls ]; then
  "$python" -m server "$@" --port "$port" --tls-certificate "$folder/certificate.pem" --tls-key "$folder/key.pem" &
  room=$!
  wait $room
  exit $?
fi
"$python" -m server "$@" --port 0 >"$folder/ready" 2>&1 &
room=$!
for _ in $(seq 300); do
  behind=$(sed -n 's|.* ready on http://\([^ ]*\) .*|\1|p' "$folder/ready")
  [ -n "$behind" ] && break
  kill -0 $room 2>/dev/null || { cat "$folder/ready" >&2; exit 1; }
  sleep 0.1
done
[ -n "$behind" ] || { echo "the chat room was not ready within 30 s" >&2; exit 1; }
listen="127.0.0.1:$port"
[ "$kind" = nginx-tls ] && listen="$listen ssl"
sed -e "s|FOLDER|$folder|g" -e "s|LISTEN|$listen|g" -e "s|BEHIND|$behind|g" "$here/nginx.conf.in" >"$folder/nginx.conf"
[ "$kind" = nginx-tls ] || sed -i /ssl_certificate/d "$folder/nginx.conf"
nginx -c "$folder/nginx.conf" -p "$folder" &
nginx=$!
wait $nginx
exit $?
