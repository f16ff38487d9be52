# The demo on the CPU; its results belong to you:
#   docker build -t lifelong-lb .
#   mkdir -p results && docker run --rm --user "$(id -u):$(id -g)" -v "$PWD/results:/results" lifelong-lb
# Another command, e.g. for a study of this folder:
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/results" lifelong-lb run study.yaml
FROM python:3.12-slim

WORKDIR /opt/lifelong_lb
COPY . .
# The version comes from git's tags, which are not copied: --build-arg VERSION=0.1.0
ARG VERSION=0.1.0
RUN SETUPTOOLS_SCM_PRETEND_VERSION=${VERSION} \
    pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu -c constraints.txt . \
    && useradd --uid 1000 --create-home runner && mkdir /results && chown runner /results

USER 1000
WORKDIR /results
ENTRYPOINT ["lifelong-lb"]
CMD ["run", "preset:digits-quick", "--out", "digits-quick"]
