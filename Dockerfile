# One image for every engine, the recorder and the preparation of the volumes; the command says which.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# The locked libraries in a virtual environment, and Knotmeter installed beside it, built by the locked setuptools.
FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        --only-binary :all: -r requirements.lock \
    && find /opt/venv -depth -type d \( -name tests -o -path '*/pyarrow/include' \) -exec rm -rf {} +
COPY requirements-dev.lock pyproject.toml README.md LICENSE ./
RUN sed -n '/^setuptools==/,/[^\\]$/p' requirements-dev.lock > build.lock \
    && /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r build.lock
COPY bus ./bus
COPY services ./services
COPY shared ./shared
COPY knotmeter ./knotmeter
# Times are set to a second that no layer changes: numba knows the source of a kernel by its time, and would compile
# it again if an image that was sent somewhere arrived with another one.
RUN /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation \
        --no-compile --target /opt/knotmeter . \
    && find /opt/knotmeter -exec touch --date=2000-01-01T00:00:00Z {} + \
    && /opt/venv/bin/python -m compileall -q /opt/knotmeter \
    && /opt/venv/bin/python -m pip uninstall --yes pip setuptools \
    && echo /opt/knotmeter > "$(/opt/venv/bin/python -c 'import site; print(site.getsitepackages()[0])')/knotmeter.pth"

FROM ${PYTHON_IMAGE} AS runtime
# A processor that every machine of the architecture contains: kernels compiled here fit wherever the image runs,
# and give the same bits there.
ARG NUMBA_CPU_NAME=generic
ARG NUMBA_CPU_FEATURES=
ENV PATH=/opt/knotmeter/bin:/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NUMBA_CPU_NAME=${NUMBA_CPU_NAME} \
    NUMBA_CPU_FEATURES=${NUMBA_CPU_FEATURES} \
    NUMBA_CACHE_DIR=/tmp/kernels \
    OPENBLAS_NUM_THREADS=1
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/knotmeter /opt/knotmeter

FROM runtime AS products
RUN NUMBA_CACHE_DIR=/opt/knotmeter/kernels knotmeter warm \
    && NUMBA_CACHE_DIR=/opt/knotmeter/kernels knotmeter sample /opt/knotmeter/sample.parquet

FROM runtime
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Knotmeter" \
      org.opencontainers.image.description="A fleet of small real-time trading-analytics engines; paper trading only." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=products /opt/knotmeter/kernels /opt/knotmeter/kernels
COPY --from=products /opt/knotmeter/sample.parquet /opt/knotmeter/sample.parquet
COPY docker/entrypoint.sh docker/probe.py /opt/knotmeter/
# Mount points of the volumes: a volume that is new takes its owner from here.
RUN mkdir -p /data /exports /var/lib/knotmeter/recording /var/lib/knotmeter/servers \
        /run/knotmeter/md /run/knotmeter/logic /run/knotmeter/access/servers /run/knotmeter/access/recorder \
    && for spec in /opt/knotmeter/services/*/spec.py; do \
        mkdir -p "/run/knotmeter/access/$(basename "$(dirname "$spec")")"; \
    done \
    && chown -R 10001:10001 /exports /var/lib/knotmeter /run/knotmeter \
    && chmod -R u=rwX,go= /var/lib/knotmeter /run/knotmeter/access/*
USER 10001:10001
WORKDIR /data
ENTRYPOINT ["/opt/knotmeter/entrypoint.sh", "knotmeter"]
CMD ["--help"]
