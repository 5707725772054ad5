#!/usr/bin/env bash
# Fetches and verifies the source of NGINX $1 into build/src/nginx-$1 and
# prints that path.  From nginx.org; where that cannot be reached, the same
# tarball out of the distribution's own source packages.

cd "$(dirname "$0")/.."
. scripts/common.sh

version=$1
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] \
    || die "NGINX_VERSION=$version: a version such as 1.28.0 is expected"

dir=build/src/nginx-$version
tarball=build/src/nginx-$version.tar.gz
name=NGINX_${version//./_}
read -r pin suite <<< "${!name:-}" || true


download() {
    if command -v curl > /dev/null; then
        curl -fsSL --connect-timeout 15 -o "$2" "$1" 2> /dev/null
    else
        wget -q -T 15 -t 2 -O "$2" "$1"
    fi
}


# A pinned checksum, else a good signature of one of NGINX's own keys.
verify() {
    local keys=build/src/nginx-signing-keys.gpg

    if [ -n "$pin" ]; then
        sha256sum --status -c - <<< "$pin  $1" \
            || die "$1 does not have the checksum pinned in" \
                   "scripts/versions.env; nothing is built from it"
        return
    fi

    download "https://nginx.org/download/nginx-$version.tar.gz.asc" "$1.asc" \
        || die "NGINX $version is not pinned in scripts/versions.env, and" \
               "its signature cannot be fetched"

    sed -e '/^-/d' -e '/^$/d' -e '/^=/d' scripts/nginx-signing-keys.asc \
        | base64 -d > $keys
    gpgv -q --keyring "./$keys" "$1.asc" "$1" 2> /dev/null \
        || die "$1 has no good signature of a key in" \
               "scripts/nginx-signing-keys.asc; nothing is built from it." \
               "Pin its checksum in scripts/versions.env if you trust it."
}


# The machine's own package sources with other releases in place of its own,
# in a private directory: the system's apt is left as it is.
fetch_from_distribution() {
    local apt=$PWD/build/apt id key suites uris uri s full

    command -v apt-get > /dev/null || return 1

    id=$(. /etc/os-release && echo "$ID")
    key=/usr/share/keyrings/$id-archive-keyring.gpg
    case $id in
        debian) suites=${suite:-bullseye bookworm trixie forky} ;;
        ubuntu) suites="focal jammy noble" ;;
        *)      return 1 ;;
    esac

    uris=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
               /etc/apt/sources.list.d/*.sources 2> /dev/null \
           | grep -v '^ *#' | grep -oE "[a-z+]+://[^] ]+/$id/?( |$)" \
           | sort -u)

    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    for uri in $uris; do
        for s in $suites; do
            echo "deb-src [signed-by=$key] $uri $s main"
        done
    done > "$apt/sources.list"

    cat > "$apt/apt.conf" <<END
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "-";
Dir::State "$apt";
Dir::State::status "/dev/null";
Dir::Cache "$apt/cache";
APT::Sandbox::User "$(id -un)";
END

    export APT_CONFIG=$apt/apt.conf
    apt-get -qq update > /dev/null 2>&1 || true
    full=$(apt-cache showsrc --only-source nginx 2> /dev/null \
           | sed -n "s/^Version: \($version-.*\)/\1/p" | head -n 1)
    [ -n "$full" ] || return 1

    (cd build/src && apt-get -qq source --download-only --tar-only \
                             "nginx=$full" > /dev/null 2>&1) || return 1
    mv "build/src/nginx_$version.orig.tar.gz" "$1"

    say "nginx.org cannot be reached: taking the source of NGINX $version" \
        "from the distribution's nginx $full"
}


mkdir -p build/src

if [ ! -d "$dir" ]; then
    if download "https://nginx.org/download/nginx-$version.tar.gz" \
                "$tarball.part"
    then
        verify "$tarball.part"

    elif fetch_from_distribution "$tarball.part"; then
        # Unpinned, apt has verified it against the distribution's index.
        [ -z "$pin" ] || verify "$tarball.part"

    else
        rm -f "$tarball.part"
        die "the source of NGINX $version cannot be fetched: nginx.org cannot" \
            "be reached or does not have it, and the distribution offers no" \
            "source package of that version to download. Unpack it and run" \
            "make build NGINX_SOURCE_DIR=/path/to/nginx-$version."
    fi

    mv "$tarball.part" "$tarball"
    rm -rf "$dir.part"
    mkdir "$dir.part"
    tar -xzf "$tarball" -C "$dir.part" --strip-components=1
    mv "$dir.part" "$dir"
fi

echo "$PWD/$dir"
