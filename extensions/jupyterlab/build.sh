#!/usr/bin/env bash
# Builds what browsers get, privet_jupyterlab/labextension, from src/, style/ and schema/. Needs node, npm and `jupyter-builder`
# (pip install jupyter-builder==1.3.0). The same source gives the same bytes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
jupyter-builder build .
python3 check.py --write
