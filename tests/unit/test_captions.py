"""captions.py: whose a photograph of COCO is, as COCO's own files tell it."""

import pytest

from touchstone.captions import owners
from touchstone.errors import TouchstoneError
from touchstone.readers import Listing
from touchstone.readers.coco import items

LICENCES = [  # as in captions_val2017.json
    {"id": 1, "name": "Attribution-NonCommercial-ShareAlike License", "url": "http://creativecommons.org/licenses/by-nc-sa/2.0/"},
    {"id": 4, "name": "Attribution License", "url": "http://creativecommons.org/licenses/by/2.0/"},
    {"id": 7, "name": "No known copyright restrictions", "url": "http://flickr.com/commons/usage/"},
    {"id": 8, "name": "United States Government Work", "url": "http://www.usa.gov/copyright.shtml"},
]
IMAGES = [
    {"id": 139, "license": 4, "flickr_url": "http://farm9.staticflickr.com/8035/8024364858_9c41dc1666_z.jpg"},
    {"id": 285, "license": 1, "flickr_url": "http://farm1.staticflickr.com/2.jpg"},
    {"id": 632, "license": 8, "flickr_url": "http://farm1.staticflickr.com/3.jpg"},
    {"id": 724, "license": 7, "flickr_url": "http://farm1.staticflickr.com/4.jpg"},
    {"id": 776, "license": 99, "flickr_url": "http://farm1.staticflickr.com/5.jpg"},
]
DOCUMENT = {"annotations": [{"id": 1, "image_id": 139, "caption": "A room."}], "licenses": LICENCES, "images": IMAGES}


def test_licences_have_the_names_of_spdx():
    found = {image: told["licence"] for image, told in owners(DOCUMENT, "captions.json").items()}
    names = {139: "CC-BY-2.0", 285: "CC-BY-NC-SA-2.0", 632: "US-Government-Work", 724: "No known copyright restrictions"}
    assert found == names


def test_files_without_licences_tell_of_nobody_and_damaged_ones_are_told():
    assert owners({"annotations": []}, "captions.json") == {}
    with pytest.raises(TouchstoneError, match="tells no licences as COCO does"):
        owners({"licenses": [{"name": "x"}], "images": []}, "captions.json")


def test_a_photograph_has_its_licence_and_address_and_another_that_of_the_card():
    members = [("val2017.zip", f"val2017/{number:012d}.jpg") for number in (139, 776)]
    known, unknown = items(Listing(["val2017.zip"], members, document=lambda name: DOCUMENT), {})
    assert (known["licence"], known["source_url"], known["description"]) == ("CC-BY-2.0", IMAGES[0]["flickr_url"], "A room.")
    assert not {"licence", "source_url"} & set(unknown)
