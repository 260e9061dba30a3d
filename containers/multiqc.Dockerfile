# The image of MultiQC.
#
#   docker build -f containers/multiqc.Dockerfile -t seformer-multiqc:1.0.0 .
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY containers/multiqc.lock /tmp/multiqc.lock
RUN python3 -m venv /opt/multiqc && /opt/multiqc/bin/pip install --no-cache-dir -r /tmp/multiqc.lock

FROM ${BASE}
ARG VERSION=1.0.0
LABEL org.opencontainers.image.title="seformer-multiqc" \
      org.opencontainers.image.description="MultiQC for the report of the seformer pipeline" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT"
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates procps python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 seformer
COPY --from=build /opt/multiqc /opt/multiqc
ENV PATH=/opt/multiqc/bin:$PATH PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1
USER seformer
CMD ["multiqc", "--version"]
