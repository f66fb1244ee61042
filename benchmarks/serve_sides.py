"""The same network behind LitServe or MLServer, as their documentation shows it.

``python benchmarks/serve_sides.py litserve|mlserver GRAPH SETTINGS PORT``, in an environment that
has the server, openvino, numpy and Pillow, and nothing of ours. GRAPH is the part of an exported
file behind its seam, SETTINGS its pre-processing as JSON. Each request holds one image file in
base64; both decode with Pillow and compute in OpenVINO in batches of up to 16, for which they wait
5 ms.
"""

from __future__ import annotations

import base64
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

BATCH, WAIT = 16, 0.005


class Network:
    """The graph in OpenVINO, and what comes before it."""

    def __init__(self, graph: str, settings: str) -> None:
        import openvino

        self.given = json.loads(settings)
        core = openvino.Core()
        compiled = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        self.request = compiled.create_infer_request()

    def fitted(self, text: str) -> Any:
        """Decoded, the short side resized, the centre kept: uint8 (channels, height, width)."""
        image = Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB")
        given, short = self.given, min(image.size)
        size = (given["resize"] * image.width // short, given["resize"] * image.height // short)
        how = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
        small = np.asarray(image.resize(size, how[given["interpolation"]]))
        top, left = (size[1] - given["height"]) // 2, (size[0] - given["width"]) // 2
        part = small[top : top + given["height"], left : left + given["width"]]
        return part.transpose(2, 0, 1)

    def __call__(self, images: Any) -> list[int]:
        found = self.request.infer({0: np.ascontiguousarray(np.stack(images))})
        return [int(k) for k in next(iter(found.values())).argmax(1)]


def litserve(graph: str, settings: str, port: int) -> None:
    from litserve import LitServer

    api = Api(max_batch_size=BATCH, batch_timeout=WAIT)
    api.graph, api.settings = graph, settings
    server = LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="error")


def mlserver(graph: str, settings: str, port: int) -> None:
    """MLServer reads a folder, and imports its runtime by name: `Runtime` of this file."""
    import asyncio

    from mlserver import MLServer, Settings
    from mlserver.settings import ModelParameters, ModelSettings

    model = ModelSettings(
        name="m",
        implementation="serve_sides.Runtime",
        max_batch_size=BATCH,
        max_batch_time=WAIT,
        parameters=ModelParameters(uri=graph, extra={"settings": settings}),
    )
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, str(Path(__file__).parent))
        ours = Settings(
            http_port=port, grpc_port=port + 1, metrics_port=port + 2, parallel_workers=1,
            debug=False, host="127.0.0.1", metrics_dir=folder,
        )  # fmt: skip

        async def run() -> None:
            await MLServer(ours).start([model])

        asyncio.run(run())


try:
    from litserve import LitAPI
except ImportError:  # the other side's environment
    pass
else:

    class Api(LitAPI):
        """LitServe's side, which is sent to processes of its own."""

        graph = settings = ""

        def setup(self, _: str) -> None:
            self.network = Network(self.graph, self.settings)

        def decode_request(self, request: dict[str, str]) -> Any:
            return self.network.fitted(request["image"])

        def predict(self, images: Any) -> list[int]:
            return self.network(images)

        def unbatch(self, output: list[int]) -> list[int]:
            return output

        def encode_response(self, output: int) -> dict[str, int]:
            return {"class": output}


try:
    from mlserver import MLModel
    from mlserver.types import InferenceResponse, ResponseOutput
except ImportError:  # the other side's environment
    pass
else:

    class Runtime(MLModel):
        """MLServer's side."""

        async def load(self) -> bool:
            parameters = self.settings.parameters
            self.network = Network(parameters.uri, parameters.extra["settings"])
            return True

        async def predict(self, payload: Any) -> Any:
            texts = payload.inputs[0].data.root
            found = self.network([self.network.fitted(text) for text in texts])
            output = ResponseOutput(
                name="class", shape=[len(found), 1], datatype="INT64", data=found
            )
            return InferenceResponse(model_name=self.name, outputs=[output])


if __name__ == "__main__":
    {"litserve": litserve, "mlserver": mlserver}[sys.argv[1]](
        sys.argv[2], sys.argv[3], int(sys.argv[4])
    )
