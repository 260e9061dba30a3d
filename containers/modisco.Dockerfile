# The image of modisco-lite, for `--modisco` alone.
#
#   docker build -f containers/modisco.Dockerfile -t seformer-modisco:1.0.0 .
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY containers/modisco.lock /tmp/modisco.lock
RUN python3 -m venv /opt/modisco && /opt/modisco/bin/pip install --no-cache-dir -r /tmp/modisco.lock

FROM ${BASE}
ARG VERSION=1.0.0
LABEL org.opencontainers.image.title="seformer-modisco" \
      org.opencontainers.image.description="modisco-lite for the seformer pipeline" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT"
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates procps python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 seformer
COPY --from=build /opt/modisco /opt/modisco
ENV PATH=/opt/modisco/bin:$PATH PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1
USER seformer
CMD ["modisco", "--help"]
