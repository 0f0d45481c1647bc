#!/bin/sh
# Prints a Python that this project runs on: the one that is named, else the first that works. Says so if there is none.
works() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }
version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo "not a Python that starts"; }

for name in ${1:+"$1"}; do
    works "$name" && echo "$name" && exit 0
    echo "Python 3.11, 3.12 or 3.13 is needed; $name is $(version "$name")." >&2
done
if [ -z "$1" ]; then
    for name in python3.11 python3.12 python3.13 python3; do
        works "$name" && echo "$name" && exit 0
    done
    echo "Python 3.11, 3.12 or 3.13 is needed; python3 is $(version python3)." >&2
fi
echo "-> Install one: apt install python3 python3-venv (Debian 12, Ubuntu 24.04), dnf install python3.12 (Fedora, RHEL)," >&2
echo "   or uv python install 3.11; then name it if it is not found: make setup PYTHON=/path/to/python3.11" >&2
exit 1
