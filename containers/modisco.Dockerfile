# The image of modisco-lite and finemo, for `--modisco` alone: the pipeline's own, whose torch and numba
# they need, with some packages more. Its layers are shared on disk and in a registry.
#
#   docker build -f containers/Dockerfile -t seformer:1.0.0 .
#   docker build -f containers/modisco.Dockerfile -t seformer-modisco:1.0.0 .
ARG BASE=seformer:1.0.0

FROM ${BASE}
ARG VERSION=1.0.0
LABEL org.opencontainers.image.title="seformer-modisco" \
      org.opencontainers.image.description="modisco-lite and finemo for the seformer pipeline" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT"
USER root
COPY containers/modisco.lock /tmp/modisco.lock
RUN /opt/seformer/bin/pip install --no-cache-dir --no-deps -r /tmp/modisco.lock
ENV PATH=/opt/seformer/bin:$PATH PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1
USER seformer
CMD ["modisco", "--help"]
