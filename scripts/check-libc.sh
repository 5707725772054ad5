#!/bin/sh
# Refuses musl, before anything is downloaded.  Plain sh: Alpine has no bash.

CC=${CC:-cc}

if command -v "${CC%% *}" > /dev/null; then
    echo '#include <features.h>' | $CC -E -dM - 2> /dev/null \
        | grep -q '__GLIBC__' && exit 0
    libc=$(echo '#include <features.h>' | $CC -E - 2> /dev/null)
    [ -n "$libc" ] && musl=yes
fi

# No compiler or no headers yet: ask the system itself.
if [ -z "$musl" ]; then
    case $(ldd --version 2>&1) in
        *musl*) musl=yes ;;
    esac
fi

[ -z "$musl" ] && exit 0

echo "error: musl (Alpine) is not supported: a Go shared library cannot be" \
     "loaded into NGINX there (golang/go#54805); build and run on a system" \
     "with glibc, such as Debian, Ubuntu, Fedora or RHEL." >&2
exit 1
