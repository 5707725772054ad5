#!/usr/bin/env bash
# Clients in several languages through NGINX, in build/languages.
# LANGUAGES= chooses some of them; scripts/languages/README.md lists them.

cd "$(dirname "$0")/.."
. scripts/common.sh

env=$(scripts/env.sh)
eval "$env"

prefix=$PWD/build/languages
app=$prefix/app

mkdir -p "$prefix"/{logs,temp} "$app"
exec 9> "$prefix/lock"
flock -n 9 || die "e2e-languages is running in this tree already"
rm -f "$prefix"/logs/*

cp -R scripts/languages/* scripts/chromium.js "$app/"
npm_install "$app"

openssl req -x509 -newkey rsa:2048 -nodes -days 7 -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 \
    -keyout "$prefix/key.pem" -out "$prefix/cert.pem" 2> /dev/null

# Most libraries trust what OpenSSL does; Node.js, Mono and Java have their own.
export SSL_CERT_FILE=$prefix/cert.pem NODE_EXTRA_CA_CERTS=$prefix/cert.pem
export XDG_CONFIG_HOME=$prefix/config
trust=$XDG_CONFIG_HOME/.mono/new-certs/Trust
rm -rf "$trust"
mkdir -p "$trust"
cp "$prefix/cert.pem" \
    "$trust/$(openssl x509 -in "$prefix/cert.pem" -noout -hash).0"
if command -v keytool > /dev/null; then
    rm -f "$prefix/cert.p12"
    keytool -importcert -noprompt -alias test -file "$prefix/cert.pem" \
        -keystore "$prefix/cert.p12" -storetype PKCS12 -storepass secret \
        2> /dev/null
    JDK_JAVA_OPTIONS="-Djavax.net.ssl.trustStore=$prefix/cert.p12"
    JDK_JAVA_OPTIONS+=" -Djavax.net.ssl.trustStorePassword=secret"
    export JDK_JAVA_OPTIONS
fi

# shellcheck disable=SC2086 # a list of names
node "$app/run.js" "$prefix" ${LANGUAGES:-}
