#!/bin/sh
# Runs a process of the Procfile by its name, or any other command as it is.
set -eu
command=$(sed -n "s/^$1:[[:space:]]*//p" Procfile)
if [ -n "$command" ]; then
    exec sh -c "exec $command" # exec: the process itself must receive the container's signals
fi
exec "$@"
