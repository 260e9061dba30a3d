#!/usr/bin/env bash
# Runs the pipeline in the current folder, as a person would, with the repository's environment.
# The profiles are "venv" and what PROFILE adds.
exec "$SEFORMER_ROOT/scripts/nextflow.sh" run "$SEFORMER_ROOT" \
    -profile "${PROFILE:+$PROFILE,}venv" -ansi-log false "$@"
