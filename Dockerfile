# All services, the one-off jobs (chassis.migrate, chassis.topology) and the command line; the command chooses:
#   docker run ... brightrun services.job_api        docker run ... brightrun brightrun jobs list
# `make images` builds it. Target `services` trains nowhere itself; target `local` holds the trainer's packages as well, for
# the provider `local`; target `ops` makes secrets and backups; target `page` is the web page with what sets its PDFs. The trainer's own image is trainer_image/Dockerfile.
ARG BASE=python:3.11-slim

FROM ${BASE} AS packages
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends binutils
# These three concern the build alone: certificates, and where wheels lie besides the main index.
ARG PIP_CERT=
ARG SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
ARG UV_FIND_LINKS=
# Each stage is given the locks that it installs: another one's change leaves its layers as they are.
COPY requirements/uv.lock requirements/services.lock requirements/client.lock /tmp/requirements/
RUN python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --quiet --no-cache-dir --require-hashes --requirement /tmp/requirements/uv.lock
ENV VIRTUAL_ENV=/opt/venv UV_LINK_MODE=copy UV_NO_CACHE=1
RUN python3 -m venv --without-pip /opt/venv \
    && UV_COMPILE_BYTECODE=1 /opt/uv/bin/uv pip sync --require-hashes \
        /tmp/requirements/services.lock /tmp/requirements/client.lock \
    # What packages bring for those who build or test them.
    && find /opt/venv -type d \( -name tests -o -path '*/sqlalchemy/testing' -o -path '*/numpy/f2py' \
        -o -path '*/numpy/_core/include' \) -prune -exec rm -r {} + \
    && find /opt/venv -type f \( -name '*.c' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.a' \) -delete \
    # numpy's libraries were moved by patchelf, and strip would break them.
    && find /opt/venv -name '*.so' -not -path '*/numpy*' -exec strip --strip-unneeded {} + \
    # Typst is as large as all services' code, and the page alone calls it.
    && mkdir /opt/typst && cp -a --parents /opt/venv/lib/python3*/site-packages/typst* /opt/typst \
    && rm -r /opt/venv/lib/python3*/site-packages/typst*

FROM packages AS code
COPY contracts /app/contracts
COPY chassis /app/chassis
COPY services /app/services
COPY brightrun /app/brightrun
# What the web page offers for a first run.
COPY examples/sample.json /app/examples/sample.json
RUN /opt/venv/bin/python -m compileall -q /app

FROM packages AS packages-local
ARG SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
ARG UV_FIND_LINKS=
COPY requirements/torch-cpu.lock /tmp/requirements/
COPY trainer_image/requirements.txt /tmp/requirements/trainer.txt
RUN UV_COMPILE_BYTECODE=1 /opt/uv/bin/uv pip sync --require-hashes /tmp/requirements/services.lock \
        /tmp/requirements/client.lock /tmp/requirements/trainer.txt /tmp/requirements/torch-cpu.lock \
    && rm -r /opt/venv/lib/python3*/site-packages/typst*

FROM packages AS packages-ops
ARG SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
ARG UV_FIND_LINKS=
COPY requirements/ops.lock /tmp/requirements/
RUN UV_COMPILE_BYTECODE=1 /opt/uv/bin/uv pip sync --require-hashes /tmp/requirements/services.lock \
        /tmp/requirements/client.lock /tmp/requirements/ops.lock \
    && rm -r /opt/venv/lib/python3*/site-packages/typst*

FROM ${BASE} AS runtime
LABEL org.opencontainers.image.title="Bright Run services" \
      org.opencontainers.image.description="From a conversation dataset to a LoRA adapter with proof: all services and the CLI"
# /tmp is the only folder that is written to: the root file system can be read-only.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 OPENBLAS_NUM_THREADS=1 \
    BRIGHTRUN_HTTP_HOST=0.0.0.0 BRIGHTRUN_HTTP_PORT=8000 BRIGHTRUN_DATA_DIR=/tmp/brightrun
WORKDIR /app
# Where volumes are mounted that it may write to (local pods).
RUN install -d -o 10001 -g 10001 /data
USER 10001:10001
ENTRYPOINT ["python", "-m"]

FROM runtime AS local
COPY --from=packages-local /opt/venv /opt/venv
COPY --from=code /app /app
COPY trainer_image /app/trainer_image

FROM runtime AS ops
COPY --from=packages-ops /opt/venv /opt/venv
COPY --from=code /app /app
COPY ops /app/ops
COPY stack /app/stack
COPY pyproject.toml /app/

FROM runtime AS page
COPY --from=packages /opt/venv /opt/venv
COPY --from=packages /opt/typst/opt/venv /opt/venv
COPY --from=code /app /app

FROM runtime AS services
COPY --from=packages /opt/venv /opt/venv
COPY --from=code /app /app
