# Three images from one file: `api` (no TensorFlow), `worker-cpu`, `worker-gpu` (CUDA as wheels, the driver from the host).
#   docker build --target api -t convserve-api .

FROM python:3.12-slim AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PATH=/app/bin:$PATH \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    CONVSERVE_DATA_DIR=/data
# A new named volume takes the owner of the directory that it is mounted on.
RUN groupadd --gid 10001 convserve \
    && useradd --uid 10001 --gid convserve --no-create-home --shell /usr/sbin/nologin convserve \
    && install -d -o convserve -g convserve /data /data/store /data/datasets
WORKDIR /data

# The product itself, built once, without its dependencies.
FROM base AS wheel
WORKDIR /src
COPY requirements/build.lock requirements/build.lock
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements/build.lock
COPY pyproject.toml README.md LICENSE ./
COPY model_store model_store
COPY worker worker
COPY package.json package-lock.json .npmrc ./
COPY service service
# node comes from build.lock, too.
RUN sh service/page/build.sh python
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM base AS api-packages
COPY requirements/api.lock /tmp/api.lock
RUN python -m venv /app \
    && /app/bin/pip install --no-cache-dir --no-deps --require-hashes -r /tmp/api.lock
COPY --from=wheel /wheels /wheels
RUN /app/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM base AS worker-cpu-packages
COPY requirements/worker-cpu.lock /tmp/worker-cpu.lock
RUN python -m venv /app \
    && /app/bin/pip install --no-cache-dir --no-deps --require-hashes -r /tmp/worker-cpu.lock
COPY --from=wheel /wheels /wheels
RUN /app/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM base AS worker-gpu-packages
COPY requirements/worker-gpu.lock /tmp/worker-gpu.lock
RUN python -m venv /app \
    && /app/bin/pip install --no-cache-dir --no-deps --require-hashes -r /tmp/worker-gpu.lock
COPY --from=wheel /wheels /wheels
RUN /app/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM base AS api
COPY --from=api-packages /app /app
USER 10001:10001
# Listen on every address of the container; compose decides which port of the host is published.
ENV CONVSERVE_HOST=0.0.0.0 \
    CONVSERVE_PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"CONVSERVE_PORT\"]}/healthz', timeout=2)"]
CMD ["convserve", "api"]

FROM base AS worker-cpu
COPY --from=worker-cpu-packages /app /app
USER 10001:10001
CMD ["convserve", "worker"]

FROM base AS worker-gpu
COPY --from=worker-gpu-packages /app /app
USER 10001:10001
# What the NVIDIA container runtime makes available inside.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
CMD ["convserve", "worker"]
