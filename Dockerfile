# Two images from one file:
#   service   serves verified bundles; no torch, no compiler, non-root
#   trainer   makes a bundle out of data, once; has torch
# Build arguments: PYTHON_IMAGE (base), WHEELHOUSE (a URL or folder of wheels that pip looks into first),
# TORCH_INDEX (where torch's CPU build is found when there is no WHEELHOUSE), ADD (packages more for the service, such
# as s3fs or gcsfs, with which `prismrec fetch` reads s3:// or gs://).
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS service-build
ARG WHEELHOUSE=
ARG ADD=
WORKDIR /src
RUN python3 -m venv /opt/prismrec
COPY requirements.lock requirements/service.txt ./
# Every package is one of those in requirements/service.txt, to the hash; setuptools among them, so that nothing is fetched
# to build prismrec itself.
RUN /opt/prismrec/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --require-hashes --no-deps -r service.txt \
 && if [ -n "$ADD" ]; then /opt/prismrec/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile -c requirements.lock $ADD; fi
COPY pyproject.toml README.md LICENSE ./
COPY bundle bundle
COPY service service
COPY prismrec prismrec
# Only what the service runs is copied: training is not even in the build. Bytecode is made at build time because
# the root file system is read-only later; pip itself leaves, nothing at run time installs anything.
RUN /opt/prismrec/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --no-deps --no-build-isolation . \
 && rm -rf /src/build \
 && find /opt/prismrec -type d -name tests -prune -exec rm -rf {} + && find /opt/prismrec -name '*.pyi' -delete \
 && for unused in onnxruntime/transformers onnxruntime/tools onnxruntime/quantization onnxruntime/datasets numpy/distutils numpy/f2py; do \
      rm -rf /opt/prismrec/lib/python3*/site-packages/$unused; done \
 && /opt/prismrec/bin/pip uninstall --yes --quiet setuptools pip \
 && /opt/prismrec/bin/python -m compileall -q -j 0 -x 'pygments/(lexers|styles)' /opt/prismrec/lib \
 && /opt/prismrec/bin/python -c "import service.app"

FROM ${PYTHON_IMAGE} AS trainer
ARG WHEELHOUSE=
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /src
RUN python3 -m venv /opt/prismrec
COPY requirements.lock ./
RUN if [ -n "$WHEELHOUSE" ]; then host=${WHEELHOUSE#*://}; set -- --find-links "$WHEELHOUSE" --trusted-host "${host%%[:/]*}"; \
    else set -- --extra-index-url "$TORCH_INDEX"; fi \
 && /opt/prismrec/bin/pip install --no-cache-dir --disable-pip-version-check -c requirements.lock "$@" torch==2.13.0
COPY pyproject.toml README.md LICENSE ./
COPY bundle bundle
COPY service service
COPY training training
COPY prismrec prismrec
COPY demo.toml ./
RUN /opt/prismrec/bin/pip install --no-cache-dir --disable-pip-version-check -c requirements.lock '.[serve,postgres,train]' && rm -rf build
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin prismrec \
 && install -d -o prismrec -g prismrec /models /store /work
ENV PATH=/opt/prismrec/bin:$PATH ORT_DISABLE_TELEMETRY=1 OMP_WAIT_POLICY=PASSIVE HOME=/work MPLCONFIGDIR=/work/.matplotlib \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /work
USER 10001:10001
ENTRYPOINT ["prismrec"]

FROM ${PYTHON_IMAGE} AS service
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin prismrec \
 && install -d -o prismrec -g prismrec /models /store
COPY --from=service-build /opt/prismrec /opt/prismrec
ENV PATH=/opt/prismrec/bin:$PATH ORT_DISABLE_TELEMETRY=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    PRISMREC_MODELS=/models PRISMREC_STORE_URL=sqlite:////store/store.sqlite PRISMREC_HOST=0.0.0.0 PRISMREC_PORT=8000
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=6 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
ENTRYPOINT ["prismrec"]
CMD ["serve"]
