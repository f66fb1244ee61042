# Striate on processors: the service, the demo, or any command, without root.
#
#   docker build -t striate .
#   alias here='docker run --rm --user "$(id -u)" -v "$PWD:/work"'
#   here striate train digits --net lenet --out demo/run
#   here striate export demo/run -o demo/digits.onnx
#   here -p 8000:8000 striate serve demo/digits.onnx --host 0.0.0.0
#
# The usual PyTorch for Linux brings CUDA's libraries, which are several GB. The index that PyTorch's
# site names for processors alone makes the image small: --build-arg INDEX=https://…
FROM python:3.11-slim AS wheel
WORKDIR /striate
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir -c constraints.txt setuptools \
    && pip wheel --no-cache-dir --no-deps --no-build-isolation -w wheels .

FROM python:3.11-slim
ARG INDEX
COPY constraints.txt /tmp/
RUN --mount=type=bind,from=wheel,source=/striate/wheels,target=/wheels \
    pip install --no-cache-dir ${INDEX:+--extra-index-url "$INDEX"} -c /tmp/constraints.txt \
        "$(ls /wheels/striate-*.whl)[pretrained,serve]" \
    && useradd --create-home --uid 1000 striate
# Whoever it runs as has a place to write to.
ENV STRIATE_CACHE=/tmp/striate
USER 1000
WORKDIR /work
EXPOSE 8000
ENTRYPOINT ["striate"]
CMD ["--help"]
