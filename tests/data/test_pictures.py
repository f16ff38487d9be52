"""Pictures in folders: selection of files, decoding, and notes about ignored files."""

import os
import warnings

import numpy as np
import pytest
from helpers.image_files import encoded, pictures, write_folders, write_tiny_imagenet
from PIL import Image

from lifelong_lb.config import UserError
from lifelong_lb.data import load_images, user_source
from lifelong_lb.data.layouts.array_pickles import unpickle
from lifelong_lb.data.layouts.pictures import ENDINGS, FORMATS, picture_size


def read(place, **settings):
    return user_source(str(place), [], **settings).read()


def turned(path, orientation, kind="JPEG"):
    """Write a white picture of 6 x 10 pixels, black at its top left, rotated; return what a viewer shows."""
    upright = np.full((6, 10, 3), 255, np.uint8)
    upright[:3, :4] = 0
    turns = {1: 0, 3: 2, 6: 1, 8: 3}[orientation]  # counter-clockwise quarter turns that undo the viewer's
    stored = np.rot90(upright, turns)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(path, kind, exif=exif, quality=95)
    return upright


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_pictures_are_rotated_by_their_exif_orientation(tmp_path, kind, orientation):
    for part in ("train", "test"):
        for k, name in enumerate(("ant", "bee")):
            (tmp_path / part / name).mkdir(parents=True)
            path = tmp_path / part / name / f"0.{kind.lower()}"
            upright = turned(path, orientation if k else 1, kind)
    assert picture_size(path, "it") == (6, 10)
    train, _ = read(tmp_path)
    shown = train.x.transpose(0, 2, 3, 1)
    assert np.abs(shown.astype(int) - (upright if shown.shape[3] == 3 else upright[..., :1])).max() < 60
    assert np.abs(shown.astype(int) - upright[..., : shown.shape[3]]).mean() < 6


def test_hidden_and_system_files_are_ignored(tmp_path):
    train, _ = write_folders(tmp_path)
    picture = encoded(pictures([0], 12, 9)[0])
    for place in (
        "train/ant/.ipynb_checkpoints/0000-checkpoint.png",
        "train/.ipynb_checkpoints/0.png",
        "train/ant/__MACOSX/0.png",
        "train/ant/._0000.png",
        "train/ant/.DS_Store",
        "test/ant/Thumbs.db",
        "test/ant/desktop.ini",
    ):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(picture)
    source = user_source(str(tmp_path), [])
    assert source.read()[0].x.tolist() == train[0].tolist()
    assert source.notes() == []


@pytest.mark.parametrize(
    ("ending", "kind"),
    [("gif", "GIF"), ("tif", "TIFF"), ("tiff", "TIFF"), ("ppm", "PPM"), ("bmp", "BMP"), ("JPG", "JPEG")],
)
def test_pictures_of_all_kinds_count(tmp_path, ending, kind):
    write_folders(tmp_path)
    (tmp_path / "train" / "ant" / f"x.{ending}").write_bytes(encoded(pictures([0], 12)[0], kind))
    train, _ = read(tmp_path)
    assert len(train.y) == 13
    assert user_source(str(tmp_path), []).notes() == []


def test_the_first_frame_of_an_animation_counts(tmp_path):
    write_folders(tmp_path)
    frames = [Image.new("RGB", (12, 12), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "train" / "ant" / "x.gif", save_all=True, append_images=frames[1:])
    train, _ = read(tmp_path)
    assert train.x[4, :, 0, 0].tolist() == [255, 0, 0]


def test_files_that_are_not_used_are_named(tmp_path):
    write_folders(tmp_path)
    (tmp_path / "train" / "ant" / "x.heic").write_bytes(b"?")
    (tmp_path / "train" / "ant" / "notes.txt").write_text("?")
    (tmp_path / "test" / "loose.png").write_bytes(b"?")
    (tmp_path / "train" / "ant" / "more").symlink_to(tmp_path / "test")
    (note,) = user_source(str(tmp_path), []).notes()
    assert "4 files or folders other than pictures are ignored: " in note
    assert ".heic (1)" in note
    assert "no extension (1)" in note
    assert f"the first is {tmp_path / 'test' / 'loose.png'}" in note


def test_a_validation_part_beside_a_test_part_is_named(tmp_path):
    write_folders(tmp_path, parts=("train", "val"))
    assert user_source(str(tmp_path), []).notes() == []
    write_folders(tmp_path)
    assert user_source(str(tmp_path), []).notes() == [f"{tmp_path}: val is ignored because train and test exist"]


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 12 12\nshowpage\n",
        b"%PDF-1.4\n",
        b"P7\nWIDTH 1\n",
        b"\x01\xda\x01\x01" + bytes(600),
    ],
)
def test_only_some_formats_are_opened_regardless_of_the_name(tmp_path, monkeypatch, content):
    def fail(*args, **kwargs):
        raise AssertionError("a program was started")

    monkeypatch.setattr("subprocess.check_call", fail)
    monkeypatch.setattr("subprocess.Popen", fail)
    write_folders(tmp_path)
    (tmp_path / "train" / "ant" / "0000.png").write_bytes(content)
    with pytest.raises(UserError, match=r"ant/0000\.png cannot be decoded: not a PNG, JPEG"):
        read(tmp_path)
    assert "EPS" not in FORMATS
    assert {"." + kind.lower() for kind in FORMATS} <= ENDINGS


def test_a_picture_that_is_too_large_is_named_without_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 100)
    write_folders(tmp_path)  # of 144 pixels
    for attempt in (read, lambda place: user_source(str(place), []).check()):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UserError, match=r"ant/0000\.png has more than 100 pixels, the maximum"):
                attempt(tmp_path)


@pytest.mark.parametrize("where", ["train/ant/0000.png", "train/bee/0005.png", "test/cow/0004.png"])
def test_the_odd_picture_out_is_named(tmp_path, where):
    write_folders(tmp_path)
    (tmp_path / where).write_bytes(encoded(pictures([0], 9)[0]))
    for attempt in (read, lambda place: user_source(str(place), []).check()):
        with pytest.raises(UserError) as error:
            attempt(tmp_path)
        assert str(error.value) == (
            f"{tmp_path / where} has 9 x 9 pixels; 17 of 18 pictures have 12 x 12. "
            "Set image_size: 12 in the stream's entry to crop and scale all of them to one size"
        )
    assert read(tmp_path, image_size=12)[0].x.shape == (12, 3, 12, 12)


def test_a_huge_picture_is_named_instead_of_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda name: 1 if "PAGESIZE" in name or "PAGE_SIZE" in name else 100_000)
    write_folders(tmp_path)
    (tmp_path / "train/ant/0000.png").write_bytes(encoded(pictures([0], 300)[0]))
    for attempt in (read, lambda place: user_source(str(place), []).check()):
        with pytest.raises(UserError, match=r"ant/0000\.png has 300 x 300 pixels; 17 of 18 pictures have 12 x 12"):
            attempt(tmp_path)
    write_folders(tmp_path / "all", size=150)
    with pytest.raises(
        UserError, match=r"^12 pictures of 150 x 150 pixels need 0\.0 GiB, more than the available memory"
    ):
        read(tmp_path / "all")


def test_class_names_of_tiny_imagenet_come_from_words_txt(tmp_path):
    write_tiny_imagenet(tmp_path)
    assert load_images(user_source(str(tmp_path), [])).train.class_names == tuple(f"n{i:08d}" for i in range(4))
    words = (
        "n00000000\tgoldfish, Carassius auratus\nn00000001\tcrane\nn00000003\tcrane, a machine\nn9\tother\nbad line\n"
    )
    (tmp_path / "words.txt").write_text(words)
    assert load_images(user_source(str(tmp_path), [])).train.class_names == (
        "goldfish",
        "crane",
        "n00000002",
        "crane, a machine",
    )
    assert user_source(str(tmp_path), []).notes() == []


def test_tables_cannot_refer_to_pictures_outside(tmp_path):
    write_tiny_imagenet(tmp_path)
    notes = tmp_path / "val" / "val_annotations.txt"
    for name in ("../../train/n00000000/images/n00000000_0.JPEG", "/etc/hostname", "val_0.txt"):
        notes.write_text(f"{name}\tn00000000\n")
        with pytest.raises(UserError, match=r"line 1: .* is not a picture below .*val/images"):
            user_source(str(tmp_path), []).labels()


def test_a_fifo_is_refused_without_blocking(tmp_path):
    write_folders(tmp_path)
    (tmp_path / "train" / "ant" / "0000.png").unlink()
    os.mkfifo(tmp_path / "train" / "ant" / "0000.png")
    source = user_source(str(tmp_path), [])
    for attempt in (source.check, lambda: load_images(source)):
        with pytest.raises(UserError, match=r"0000\.png.*not a regular file"):
            attempt()


def test_many_pictures_are_checked_by_their_headers(tmp_path, monkeypatch):
    train, test = write_folders(tmp_path)
    cut = (tmp_path / "train" / "ant" / "0000.png").read_bytes()
    (tmp_path / "train" / "ant" / "0000.png").write_bytes(cut[:-100])
    with pytest.raises(UserError, match=r"0000\.png cannot be decoded"):
        user_source(str(tmp_path), []).check()
    monkeypatch.setattr("lifelong_lb.data.layouts.picture_files.QUICK_PICTURES", 17)
    checked = user_source(str(tmp_path), []).check()
    assert checked.note == "only the headers of its 18 pictures were read; run decodes them"
    assert (checked.train.tolist(), checked.test.tolist()) == (train[1].tolist(), test[1].tolist())


def test_a_folder_that_differs_only_in_case_is_suggested(tmp_path):
    write_folders(tmp_path)
    (tmp_path / "test" / "ant").rename(tmp_path / "test" / "Ant")
    with pytest.raises(UserError, match=r"test/Ant: no folder of this class in .*train; did you mean ant\?"):
        user_source(str(tmp_path), []).labels()


def test_names_that_are_not_utf8_are_escaped(tmp_path):
    write_folders(tmp_path, ("ant", "bee"))
    for part in ("train", "test"):
        os.rename(os.fsencode(tmp_path / part / "bee"), os.fsencode(tmp_path / part) + b"/caf\xe9")  # noqa: PTH104
    images = load_images(user_source(str(tmp_path), []))
    assert images.train.class_names == ("ant", "caf\\udce9")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x02}r\xff\xff\xff\x7f.", None),
        (b"\x80\x02}()" + b"q\x01h\x01\x86" * 60 + b"K\x01s.", "keys of a mapping must be strings"),
        (b"\x80\x02\x8f.", "operation 0x8f is not allowed"),
        (b"cnumpy\nload\n.", "numpy.load is not allowed"),
        (b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00hextR.", "unsupported encoding"),
        (b"\x80\x02" + b"(" * 100_000 + b"l" * 100_000 + b".", None),
    ],
)
def test_pickles_cannot_fill_the_memory_or_hang(content, message):
    if message is None:
        unpickle(content)
    else:
        with pytest.raises(ValueError, match=message):
            unpickle(content)
