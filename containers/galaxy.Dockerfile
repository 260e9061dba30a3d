# The image of the Galaxy tools: the pipeline's image, with the package itself and MultiQC in it.
# Build the other two first (see docs/executors.md), then
#
#   docker build -f containers/galaxy.Dockerfile -t seformer-galaxy:1.0.0 .
ARG VERSION=1.0.0
FROM seformer-multiqc:${VERSION} AS multiqc

FROM seformer:${VERSION}
ARG VERSION
LABEL org.opencontainers.image.title="seformer-galaxy" \
      org.opencontainers.image.description="seformer and MultiQC for the Galaxy tools" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT"
USER root
COPY --from=multiqc /opt/multiqc /opt/multiqc
COPY pyproject.toml README.md LICENSE /tmp/seformer/
COPY bin/seformer /tmp/seformer/bin/seformer
RUN /opt/seformer/bin/pip install --no-cache-dir --no-deps --no-build-isolation /tmp/seformer \
    && rm -rf /tmp/seformer \
    && ln -s /opt/multiqc/bin/multiqc /opt/seformer/bin/multiqc
USER seformer
CMD ["seformer", "--version"]
