# Two images from one file:
#   service   serves verified bundles; no torch, no compiler, no pip, non-root
#   trainer   makes a bundle out of data, once; has torch
# Build arguments:
#   PYTHON_IMAGE   the base. Here by its tag; in production by its digest, python:3.11-slim@sha256:...
#   ADD            what more the service's image reads bundles from with `prismrec fetch`: "s3", "gs" or "s3 gs". Each is
#                  a requirements/add-NAME.txt with hashes; `make hashes` makes one from a requirements/add-NAME.in of yours
#   WHEELHOUSE     a URL or folder of wheels in which the trainer finds torch
#   TORCH_INDEX    where it finds torch's CPU build where there is no WHEELHOUSE
#   TORCH_HASHES   "sha256:..." (one or more) of that build; without it torch is the one package that is held by version alone
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS service-build
ARG ADD=
WORKDIR /src
RUN python3 -m venv /opt/prismrec
COPY requirements/service.txt requirements/add-*.txt ./
# Every package is one of those in these files, to the hash; setuptools among them, so that nothing is fetched to build
# prismrec itself.
RUN for part in service $(for name in $ADD; do echo "add-$name"; done); do \
      /opt/prismrec/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --require-hashes --no-deps -r $part.txt || exit 1; done
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
 && rm -f /opt/prismrec/lib/python3*/site-packages/distutils-precedence.pth \
 && /opt/prismrec/bin/python -m compileall -q -j 0 -x 'pygments/(lexers|styles)' /opt/prismrec/lib \
 && /opt/prismrec/bin/python -c "import service.app"

FROM ${PYTHON_IMAGE} AS trainer
ARG WHEELHOUSE=
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH_HASHES=
WORKDIR /src
RUN python3 -m venv /opt/prismrec
COPY requirements/trainer.txt ./
RUN /opt/prismrec/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r trainer.txt
# torch comes alone (--no-deps): no other package can come from where it is looked for.
RUN if [ -n "$WHEELHOUSE" ]; then host=${WHEELHOUSE#*://}; set -- --find-links "$WHEELHOUSE" --trusted-host "${host%%[:/]*}"; \
    else set -- --extra-index-url "$TORCH_INDEX"; fi \
 && echo "torch==2.13.0$(for hash in $TORCH_HASHES; do printf ' --hash=%s' "$hash"; done)" >torch.txt \
 && if [ -z "$TORCH_HASHES" ]; then echo "NOT CHECKED: the hash of torch (build argument TORCH_HASHES)" >&2; fi \
 && /opt/prismrec/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps "$@" -r torch.txt
COPY pyproject.toml README.md LICENSE ./
COPY bundle bundle
COPY service service
COPY training training
COPY prismrec prismrec
COPY demo.toml ./
RUN /opt/prismrec/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . && rm -rf build
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin prismrec \
 && install -d -o prismrec -g prismrec /models /store /work
ENV PATH=/opt/prismrec/bin:$PATH ORT_DISABLE_TELEMETRY=1 OMP_WAIT_POLICY=PASSIVE HOME=/work MPLCONFIGDIR=/work/.matplotlib \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /work
USER 10001:10001
ENTRYPOINT ["prismrec"]

FROM ${PYTHON_IMAGE} AS service
# The base's own pip and setuptools go, too: nothing in this image can install anything.
RUN for package in pip setuptools wheel pkg_resources ensurepip; do \
      found=$(python3 -c "import importlib.util as u; s = u.find_spec('$package'); print(s.submodule_search_locations[0] if s else '')") \
      && if [ -n "$found" ]; then rm -rf "$found" "$(dirname "$found")/$package"-*-info; fi || exit 1; done \
 && find / -xdev \( -name 'pip' -o -name 'pip3*' -o -name 'wheel' \) -path '*/bin/*' -delete \
 && find / -xdev -name distutils-precedence.pth -delete \
 && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin prismrec \
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
