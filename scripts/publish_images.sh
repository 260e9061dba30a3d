#!/usr/bin/env bash
# Builds the images of this version and pushes them:
#   REGISTRY=host/place REGISTRY_USER=... REGISTRY_TOKEN=... scripts/publish_images.sh
# Without REGISTRY_TOKEN it pushes as whoever `docker login` has been called for. DOCKER=podman works too;
# DOCKER=echo shows what would be done. BUILD_OPTIONS goes to every build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

docker=${DOCKER:-docker}
registry=${REGISTRY:-}
if [ -z "$registry" ]; then
    echo "REGISTRY is not set. What to do: name a container registry and the place in it" >&2
    exit 2
fi
registry=${registry,,} # as registries want it
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' bin/seformer/__init__.py)

if [ -n "${REGISTRY_TOKEN:-}" ]; then
    "$docker" login --username "$REGISTRY_USER" --password-stdin "${registry%%/*}" <<<"$REGISTRY_TOKEN"
fi
# the image for Galaxy is made of the first two
for image in seformer:Dockerfile seformer-multiqc:multiqc.Dockerfile \
    seformer-modisco:modisco.Dockerfile seformer-galaxy:galaxy.Dockerfile; do
    name=${image%%:*}:$version
    # shellcheck disable=SC2086
    "$docker" build ${BUILD_OPTIONS:-} --build-arg "VERSION=$version" -f "containers/${image##*:}" -t "$name" .
    "$docker" tag "$name" "$registry/$name"
    "$docker" push "$registry/$name"
done
