#!/bin/sh
# Debian and Ubuntu split venv from Python. As root we install it; otherwise we say what to type.
python=$1
place=$2
package="$($python -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "installing $package, which $python needs to make a virtual environment"
    apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null
    rm -rf "$place"
    exec "$python" -m venv "$place"
fi
echo "$python cannot make a virtual environment. Please type:  sudo apt-get install $package"
exit 1
