#!/bin/sh
# Starts nginx with nchan on the port that is given, in a folder that goes with it.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sed -e "s|FOLDER|$folder|g" -e "s|PORT|$1|g" nginx.conf.in > "$folder/nginx.conf"
nginx -c "$folder/nginx.conf" -p "$folder" &
nginx=$!
trap 'kill $nginx 2>/dev/null; wait $nginx; rm -rf "$folder"' EXIT TERM INT
wait $nginx
