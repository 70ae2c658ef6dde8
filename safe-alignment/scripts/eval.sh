#!/usr/bin/env bash
exec bash "$(dirname "$0")/published.sh" eval "$@"
