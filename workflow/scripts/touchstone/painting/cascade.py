"""Two pipelines in a row, called like one: DeepFloyd IF's first two stages, or Kandinsky's prior and decoder."""

from __future__ import annotations

UPSCALED = 4  # IF's second stage: 64 to 256 pixels


class Cascade:
    """A pipeline behind the one that makes its input.

    Args:
        prior: The first pipeline.
        pipe: The second.
        options: The recipe's ``prior``: ``steps``, ``guidance`` and ``parameters`` of the first.
    """

    def __init__(self, prior: object, pipe: object, options: dict):
        self.prior, self.pipe, self.options = prior, pipe, options
        self.scheduler, self.safety_checker = pipe.scheduler, getattr(pipe, "safety_checker", None)
        self.__name__ = f"{type(prior).__name__} + {type(pipe).__name__}"

    def __call__(self, **arguments: object) -> object:
        """What the second pipeline makes; the noise of both comes from the same generators, one after the other."""
        first = {key: value for key, value in arguments.items() if "prompt" in key or key == "generator"}
        first |= {"num_inference_steps": self.options["steps"], **self.options.get("parameters", {})}
        if "guidance" in self.options:
            first["guidance_scale"] = self.options["guidance"]
        if hasattr(self.pipe, "movq"):  # Kandinsky's decoder sees what the prior made of the prompt, and not the prompt
            if "negative_prompt" in first:  # which the prior takes as so many more prompts
                first["generator"] = first["generator"] * 2
            made = self.prior(**first)
            seen = {"image_embeds": made.image_embeds, "negative_image_embeds": made.negative_image_embeds}
            return self.pipe(**seen, **{key: value for key, value in arguments.items() if "prompt" not in key})
        small = {side: arguments[side] // UPSCALED for side in ("width", "height")}
        return self.pipe(image=self.prior(**first, **small, output_type="pt").images, **arguments)
