#!/bin/sh
# make_root.sh DIR: a folder with a newer Debian and a virtual environment /opt/ha that holds a
# pinned Home Assistant (requirements.txt). Made once and kept until the pins or this script change.
# Needs root and mmdebstrap; packages come from the machine's own Debian mirror and Python index.
set -eu
dir=${1:?usage: make_root.sh DIR}
here=$(cd "$(dirname "$0")" && pwd)
suite=forky
stamp=$suite-$(cat "$here/requirements.txt" "$0" | sha256sum | cut -c1-20)

fresh() { [ "$(cat "$dir/opt/ha/stamp" 2>/dev/null)" = "$stamp" ]; }

# Network steps fail now and then: three tries.
thrice() {
    for pause in 3 10 0; do
        "$@" && return 0
        sleep "$pause"
    done
    echo "make_root.sh: gave up: $1" >&2
    return 1
}

mirror() {
    apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' |
        grep -v -e security -e snapshot | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }'
}

debian() {
    rm -rf "$dir.new"
    # A mirror that lags may hold an expired index of a testing suite; signatures still count.
    mmdebstrap --quiet --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' \
        --include=ca-certificates,g++,libturbojpeg0,python3,python3-dev,python3-venv,tzdata \
        "$suite" "$dir.new" "$(mirror)"
}

packages() {
    # uv brings certificates of its own; the machine's are the ones that count.
    chroot "$dir.new" env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt sh -ec '
        python3 -m venv --clear /opt/ha
        /opt/ha/bin/pip install --quiet --no-cache-dir "$(grep "^uv==" /tmp/requirements.txt)"
        /opt/ha/bin/uv pip install --quiet --no-cache --python /opt/ha/bin/python \
            --compile-bytecode --no-deps --requirement /tmp/requirements.txt'
}

fresh && exit 0
mkdir -p "$(dirname "$dir")"
exec 9> "$dir.lock"
flock 9 # another run may be making it
fresh && exit 0
thrice debian
cp -L /etc/resolv.conf "$dir.new/etc/resolv.conf"
cp /etc/ssl/certs/ca-certificates.crt "$dir.new/etc/ssl/certs/" # the machine may trust one more
cp "$here/requirements.txt" "$dir.new/tmp/requirements.txt"
thrice packages
# Its ffmpeg integration asks for the version at every start and for nothing else here.
printf '#!/bin/sh\necho "ffmpeg version 7.1-none"\n' > "$dir.new/usr/local/bin/ffmpeg"
chmod 755 "$dir.new/usr/local/bin/ffmpeg"
echo "$stamp" > "$dir.new/opt/ha/stamp"
rm -rf "$dir"
mv "$dir.new" "$dir"
