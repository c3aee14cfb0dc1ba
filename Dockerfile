# syntax=docker/dockerfile:1
# The verifier of docs/verifier-cronjob.yaml. Linted where this project is tested, but not built there: no container registry
# is in reach.
# Build it with the digest of a python:3.12-slim that you trust: docker build --build-arg PYTHON=python@sha256:... .
ARG PYTHON
FROM ${PYTHON} AS build
WORKDIR /build
COPY .ci/uv.txt .ci/uv.txt
RUN python -m pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes --requirement .ci/uv.txt
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY flash_ticket flash_ticket
RUN uv sync --frozen --no-dev --no-editable --compile-bytecode --python "$(command -v python)"

FROM ${PYTHON}
COPY --from=build /build/.venv /build/.venv
ENV PATH=/build/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /firewall
ENTRYPOINT ["flash-firewall"]
CMD ["--help"]
