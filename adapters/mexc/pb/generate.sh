#!/bin/sh
# Generates push_pb2.py and push_pb2.pyi from push.proto. Needs grpcio-tools and mypy-protobuf from the dev extra.
# Run with the repository's interpreter: PYTHON=.venv/bin/python adapters/mexc/pb/generate.sh
# The protobuf file is named relative to the repository root, so that the generated code carries no local path.
set -eu
cd "$(dirname "$0")/../../.."
python="${PYTHON:-.venv/bin/python}"
PATH="$(dirname "$python"):$PATH" "$python" -m grpc_tools.protoc \
    --proto_path=. --python_out=. --mypy_out=. adapters/mexc/pb/push.proto
