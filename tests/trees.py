"""Miniature trees of AI-GenBench's origins: real naming patterns, every generator, pictures of no bytes.

Readers look at names and rows alone, so nothing here needs to be an image.
"""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from touchstone.file_ids import locate

CAPTIONS = {
    "annotations": [
        {"id": 7, "image_id": 78, "caption": "A cup of tea."},
        {"id": 5, "image_id": 78, "caption": "A saucer."},
        {"id": 9, "image_id": 139, "caption": "A room."},
    ]
}
UUID = "cd1a1629-17b7-4f0f-bad0-8bdedec4549c"
ELSA = {
    "id": "26131007685",
    "url": "http://host/a.jpg",
    "original_prompt": "Lake",
    "positive_prompt": "a lake",
    "negative_prompt": "fog",
}


def _artifact() -> dict:
    paths = {
        "cycle_gan": ["st/horse2zebra/img001392.jpg", "st/photo2monet/img014227.jpg", "st/real/img000001.jpg"],
        "big_gan": ["big/biggan-data/549/img005000.jpg"],
        "cips": ["cips/cips-churces/img000404.jpg", "cips/cips-ffhq/img000104.jpg"],
        "ddpm": ["ddpm/bedroom/img000473.jpg"],
        "denoising_diffusion_gan": ["dgd/denoising-diffusion-gan-data/img008049.jpg"],
        "diffusion_gan": [
            "diff/afhq-data/Diffusion-StyleGAN2-AFHQ/img002417.jpg",
            "diff/lsun-bedroom/Diffusion-ProjectedGAN-LSUN-Bed/img001469.jpg",
            "diff/plain/img000001.jpg",
        ],
        "face_synthetics": ["facesyn/images/img005447.jpg"],
        "gansformer": ["gf/bedrooms_images/img003516.jpg"],
        "gau_gan": ["gau/gaugan-ade/img001404.jpg"],
        "generative_inpainting": ["gc-in/gcinpaint-cutout-data/img000038.jpg"],
        "glide": ["glide-in/images/img007640.jpg", "glide-t2i/images/img008388.jpg", "glide/odd/img000001.jpg"],
        "lama": ["lama-dataset/celeb/lamaDeep/img001138.jpg", "lama-dataset/places/bigLama/img010891.jpg"],
        "latent_diffusion": ["latentdiff/347/img002763.jpg", "latentdiff-t2i/images/img004895.jpg"],
        "mat": ["mat/celebahq/img001533.jpg", "mat/landscape/img043243.jpg"],
        "palette": ["palette/images/img002292.jpg"],
        "pro_gan": ["pro/airplane/1_fake/img001872.jpg"],
        "projected_gan": ["proj/art_painting/img000945.jpg"],
        "sfhq": ["sfhq/images/img000001.jpg"],
        "stable_diffusion": ["stable-face/Male/img000001.jpg", "stable/other/img000002.jpg"],
        "star_gan": ["star/stargan/Blond_Hair/img003724.jpg"],
        "stylegan1": ["sg1/stylegan-images/img000001.jpg"],
        "stylegan2": ["car-part1/car-512x384/stylegan2-config-f-psi-0.5/043000/img043159.jpg", "ffhq-part1/a/b/c/img019339.jpg"],
        "stylegan3": ["sg3/stylegan3-r-afhqv2-512x512/img005499.jpg", "sg3/stylegan3-t-metfaces-1024x1024/img001440.jpg"],
        "taming_transformer": ["tt-cc/cin_k600_p1.0_a0.05_fid5.20/58/img026705.jpg", "tt-coco/samples_nopix/img000199.jpg"],
        "vq_diffusion": ["vqdiff-imgnet/261/img001811.jpg", "vqdiff-imgnet/odd/img001812.jpg"],
    }
    tree: dict = {f"{folder}/": members for folder, members in paths.items()}
    for folder, members in paths.items():
        rows = [{"filename": "", "image_path": name, "target": "0" if "real" in name else "6"} for name in members]
        tree[f"{folder}/metadata.csv"] = rows
    return tree


TREES: dict[str, dict] = {  # file of the card: members, rows of a table, or contents
    "aeroblade": {
        "data/raw/generated/": [
            "midjourney-v4/000000001.png",
            "midjourney-v5/000000001.png",
            "midjourney-v5-1/000000001.png",
            "CompVis-stable-diffusion-v1-1-ViT-L-14-openai/000000069.png",
            "runwayml-stable-diffusion-v1-5-ViT-L-14-openai/000000069.png",
            "stabilityai-stable-diffusion-2-1-base-ViT-H-14-laion2b_s32b_b79k/000000069.png",
            "kandinsky/000000069.png",
        ],
        "data/raw/prompts/ViT-L-14-openai.csv": [{"image_id": "000000069", "prompt": "a kite, red"}],
        "data/raw/prompts/ViT-H-14-laion2b_s32b_b79k.csv": [{"image_id": "000000070", "prompt": "a boat"}],
    },
    "artifact": _artifact(),
    "coco_2017": {
        "train2017.zip": ["train2017/000000000078.jpg", "train2017/000000000079.jpg"],
        "val2017.zip": ["val2017/000000000139.jpg"],
        "captions_train2017.json": CAPTIONS,
        "captions_val2017.json": CAPTIONS,
    },
    "ddmd": {
        "diffusion_model_deepfakes_lsun_bedroom/": [
            *[f"test/{model}/000030.png" for model in ("ADM", "DDPM", "ProGAN", "StyleGAN", "IDDPM", "PNDM", "Real")],
            *[f"test/{model}/seed0012.png" for model in ("Diff-ProjectedGAN", "Diff-StyleGAN2", "ProjectedGAN")],
            *[f"{split}/LDM/sample_000018.png" for split in ("train", "val", "test")],
        ]
    },
    "dmid_test": {
        "DMimageDetection_TestSet/": [
            "biggan_256/biggan_004_554409.png",
            "dalle-mini_valid/ann000000000009.png",
            "dalle_2/DALL·E 2022-10-23 19.07.49 - A cup_820316.png",
            "dalle_2/DALL·E 2022-10-23 19.07.49 - A cup.png",
            "dalle_2/DALL·E 2022-10-23 19.09.29 - A - dash.png",
            "dalle_2/DALL·E 2022-10-23 19.09.29 - The same second.png",
            "eg3d_ffhq/seed0001.png",
            "glide_text2img_valid/ann000000000009.png",
            "glide_text2img_valid/ann000000000010.png",
            "guided-diffusion_noise2image_LSUNhorses/guided-diffusion_noise2img-lsunhorses-nodropout_110.png",
            "latent-diffusion_class2image_ImageNet/latent-diffusion_class2img-imagenet_class-239_0239.png",
            "progan_lsun/airplane_00728.png",
            "stable_diffusion_256/ann000000000005.png",
            "stylegan2_lsundog_256x256/seed01216503.png",
            "stylegan3_r_ffhqu_256x256/seed20072.png",
            "taming-transformers_segm2image_valid/img000000000078.png",
            "real_coco_valid/000000000139.png",
        ],
        "captions_val2017.json": CAPTIONS,
    },
    "dmid_train": {
        "latent_diffusion_trainingset.zip": [
            f"{split}/latent_diffusion_{name}.png"
            for split in ("train", "valid")
            for name in (
                "noise2image_bedrooms/guided-diffusion_noise2img-lsunbedrooms256_sample_00001673",
                "noise2image_churches/guided-diffusion_noise2img-lsunchurches256_sample_00000438",
                "noise2image_FFHQ/guided-diffusion_noise2img-ffhq256_sample_00001395",
                "text2img_set0/latent-diffusion_text2img_cocotrain2017_110856",
                "text2img_set2/latent-diffusion_text2img_cocotrain2017_194882",
                "class2image/latent-diffusion_class2img-imagenet_class-0_000002",
            )
        ]
    },
    "drct_2m": {
        **{
            f"{name}.zip": [f"{name}/train2017/000000000078.png", f"{name}/val2017/000000000139.jpg", f"{name}/train2017/78.png"]
            for name in ("stable-diffusion-v1-4", "stable-diffusion-v1-5", "stable-diffusion-2-1", "sd-turbo", "sdxl-turbo")
        },
        "stable-diffusion-xl-base-1.0.zip": ["stable-diffusion-xl-base-1.0/train2017/000000000080.png"],
        "captions_train2017.json": CAPTIONS,
        "captions_val2017.json": CAPTIONS,
    },
    "elsa_d3": {
        "data/": {"train-0": [ELSA, ELSA | {"id": ""}], "val-0": [ELSA | {"id": "2"}], "validation-0": [ELSA], "old": [ELSA]}
    },
    "laion_400m": {"data/": {"train-0": [ELSA, ELSA], "val-0": [ELSA | {"id": "2"}], "validation-0": [ELSA | {"url": ""}]}},
    "forensynths": {
        "progan_train/": ["airplane/1_fake/00000.png", "airplane/0_real/00000.png"],
        "progan_val/": ["car/1_fake/12940.png"],
        "test/": [
            *[f"{name}/1_fake/00103803.png" for name in ("biggan", "imle", "deepfake")],
            "crn/1_fake/101035_output.png",
            "cyclegan/orange/1_fake/n07740461_13101_fake.png",
            "cyclegan/winter/1_fake/2011-08-18 23:29:51_fake.png",
            "gaugan/1_fake/000000249025.jpeg",
            "progan/bus/1_fake/05687.png",
            "stargan/1_fake/0043.png",
            "stylegan/bedroom/1_fake/026148.jpeg",
            "stylegan2/church/1_fake/001993.png",
        ],
    },
    "genimage": {
        f"{file}.zip": [
            f"{file.split('/')[1]}/train/ai/{stem}.png",
            f"{file.split('/')[1]}/val/ai/{stem}.PNG",
            f"{file.split('/')[1]}/train/nature/n01440764_10026.JPEG",
        ]
        for file, stem in {
            "ADM/imagenet_ai_0508_adm": "755_adm_178",
            "BigGAN/imagenet_ai_0419_biggan": "000_biggan_00094",
            "glide/imagenet_glide": "GLIDE_1000_200_03_302_glide_00186",
            "Midjourney/imagenet_midjourney": "308_midjourney_45",
            "stable_diffusion_v_1_4/imagenet_ai_0419_sdv4": "010_sdv4_00020",
            "stable_diffusion_v_1_5/imagenet_ai_0424_sdv5": "583_sdv5_00060",
            "VQDM/imagenet_ai_0419_vqdm": "VQDM_1000_200_04_443_vqdm_00138",
            "wukong/imagenet_ai_0424_wukong": "583_wukong_00060",
        }.items()
    },
    "imaginet": {
        "imaginet/": [
            *[f"dalle3{more}/{UUID}.png" for more in ("", "_addition", "_addition2")],
            *[f"sdxl_{kind}_fake/{UUID}.webp" for kind in ("faces", "paintings", "photos")],
            *[f"sd_{kind}_fake/{UUID}.webp" for kind in ("faces", "paintings", "photos")],
            f"journeydb/{UUID}.jpg",
            "wikiart_stylegan/seed3941.png",
            f"ffhq/{UUID}.png",
        ]
    },
    "imagenet_2012": {
        "train/": ["n01440764/n01440764_10026.JPEG", "loose.JPEG"],
        "val/": ["n01751748/ILSVRC2012_val_00000001.JPEG"],
    },
    "raise": {"RAISE_all.csv": [{"File": "r000da54ft", "TIFF": "http://host/RAISE/TIFF/r000da54ft.TIF"}]},
    "sfhq_t2i": {
        "images/": [
            *[f"{model}_image_0000846.jpg" for model in ("FLUX1_dev", "FLUX1_pro", "FLUX1_schnell", "SDXL", "DALLE3", "KOLORS")],
        ],
        "SFHQ_T2I_dataset.csv": [
            {"image_filename": "FLUX1_dev_image_0000846.jpg", "model_used": "FLUX1_dev", "text_prompt": "Portrait, smiling"}
        ],
    },
    "synthbuster": {
        "synthbuster/": [
            *[f"{name}/r000da54ft.png" for name in ("dalle2", "dalle3", "firefly", "glide", "midjourney-v5", "imagen")],
            *[f"stable-diffusion-{name}/r000da54ft.png" for name in ("1-3", "1-4", "2", "xl")],
        ],
        "synthbuster/prompts.csv": [{"image name (matching Raise-1k)": "r000da54ft", "Prompt": "A church, at noon"}],
    },
}


def grow(origin: str, folder: Path) -> list[dict]:
    """Plant the origin's tree below ``folder``; the ``files`` of its receipt."""
    for name, content in TREES[origin].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".zip"):
            with zipfile.ZipFile(path, "w") as archive:
                for member in content:
                    archive.writestr(zipfile.ZipInfo(member), b"")
        elif name.endswith(".json"):
            path.write_text(json.dumps(content), encoding="utf-8")
        elif name.endswith(".csv"):
            with open(path, "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, content[0])
                writer.writeheader()
                writer.writerows(content)
        elif isinstance(content, dict):  # of Parquet files
            path.mkdir()
            for stem, rows in content.items():
                pq.write_table(pa.Table.from_pylist(rows), path / f"{stem}.parquet")
        else:
            for member in content:
                (path / member).parent.mkdir(parents=True, exist_ok=True)
                (path / member).touch()
    return [{"name": name, "path": str(folder / name)} for name in TREES[origin]]


def plant(origin: str, ids: list[str], folder: Path) -> list[dict]:
    """Plant the images that AI-GenBench's ``ids`` name, all of one origin with folders or zips; the receipt's files."""
    places: dict[str, list[str]] = {}
    for place in map(locate, ids):
        places.setdefault(place.file, []).append(place.member)
    for name in TREES[origin]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        members = [f"{member}{'.jpg' if origin == 'coco_2017' else '.png'}" for member in places.get(name, [])]
        if name.endswith(".zip"):
            with zipfile.ZipFile(path, "w") as archive:
                for member in members:
                    archive.writestr(zipfile.ZipInfo(member), b"")
        elif name.endswith(".json"):
            path.write_text(json.dumps(CAPTIONS), encoding="utf-8")
        elif name == "RAISE_all.csv":
            rows = [f"{stem},http://host/RAISE/TIFF/{stem}.TIF" for stem in places.get(name, [])]
            path.write_text("\n".join(["File,TIFF", *rows, ""]), encoding="utf-8")
        elif name.endswith(".csv"):
            path.write_text("image name (matching Raise-1k),Prompt\nnone,none\n", encoding="utf-8")
        else:
            path.mkdir(exist_ok=True)
            for parent in {(path / member).parent for member in members}:
                parent.mkdir(parents=True, exist_ok=True)
            for member in members:
                (path / member).touch()
    return [{"name": name, "path": str(folder / name)} for name in TREES[origin]]
