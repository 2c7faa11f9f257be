"""Recognise audio files by their suffix or first bytes, and list the formats that FFmpeg may open.

A file with a suffix of `AUDIO_SUFFIXES` is taken as audio: if it cannot be decoded, that is a failure to list. Any
other file is audio if its first bytes are those of a container that can hold sound, whatever its name. Video files are
included, because music videos are; those without sound are refused when they are decoded.
"""

from __future__ import annotations

import stat
from pathlib import Path

AUDIO_SUFFIXES = frozenset(
    ".3ga .8svx .aa .aa3 .aac .aax .ac3 .adts .aif .aifc .aiff .amr .ape .at3 .au .awb .bwf .caf .dff .dsf .dts .dtshd "  # noqa: SIM905 - reads better
    ".eac3 .fla .flac .loas .m4a .m4b .m4p .m4r .mka .mlp .mp+ .mp1 .mp2 .mp3 .mp4 .mpa .mpc .ofr .ofs .oga .ogg .oma "
    ".opus .qoa .ra .rf64 .shn .snd .spx .tak .thd .tta .voc .vqf .w64 .wav .wave .weba .webm .wma .wv".split()
)

# Downloads that have not ended, and backups of programs: their first bytes are those of audio.
UNFINISHED_SUFFIXES = frozenset({".!qb", ".!ut", ".bak", ".crdownload", ".download", ".part", ".partial", ".tmp"})

# Names of FFmpeg's demuxers that read one file and take sound from it. Those that open other files (concat, hls, dash,
# image2, rtsp, ...) or read devices are not among them, so a text file can never become a track made of its neighbours.
DEMUXERS = (
    "aa,aac,aax,ac3,ac4,adx,aea,aiff,amr,amrnb,amrwb,ape,asf,asf_o,au,avi,bonk,caf,dsf,dss,dts,dtshd,eac3,flac,flv,gsm,"
    "hca,hcom,iff,ircam,live_flv,loas,matroska,webm,mlp,mmf,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mxf,"
    "nistsphere,nut,ogg,oma,osq,paf,pvf,qcp,qoa,rka,rm,rso,shn,sln,sox,spdif,tak,truehd,tta,voc,vqf,w64,wav,wavarc,wsd,"
    "wtv,wv,wve,xwma"
)

HEAD_BYTES = 4096
_STARTS = (
    b"ID3", b"OggS", b"fLaC", b"wvpk", b"TTA1", b"TTA2", b"MAC ", b"MP+", b"MPCK", b"DSD ", b"FRM8", b"caff", b".snd",
    b"tBaK", b"OFR ", b"ajkg", b"qoaf", b"TWIN", b"EA3", b"ea3", b".RMF", b".ra\xfd", b"#!AMR", b"FLV\1", b"RF64",
    b"riff\x2e\x91\xcf\x11", b"Creative Voice File", b"NIST_1A", b"\x1aE\xdf\xa3", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    b"\x0bw", b"\x7f\xfe\x80\1", b"\xfe\x7f\1\x80", b"\0\0\1\xba",
)  # fmt: skip
_CHUNK_TYPES = {b"RIFF": (b"WAVE", b"AVI ", b"XWMA"), b"FORM": (b"AIFF", b"AIFC", b"8SVX", b"16SV")}
_PICTURE_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis", b"crx ")
_BIT_RATES_KBPS = {  # (MPEG 1, layer) -> rates by index
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_BIT_RATES_KBPS[False, 2] = _BIT_RATES_KBPS[False, 3]
RATES_HZ = {  # of MPEG audio: version (3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5) -> rates by index
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}


def is_audio_file(path: Path) -> bool:
    """Return whether a file is to be decoded, by its suffix or else by its first bytes; False if it cannot be read."""
    suffix = path.suffix.lower()
    if suffix in AUDIO_SUFFIXES:
        return True
    if suffix in UNFINISHED_SUFFIXES:
        return False
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            return False
        with path.open("rb") as file:
            return is_audio_head(file.read(HEAD_BYTES))
    except (OSError, ValueError):
        return False


def is_audio_head(head: bytes) -> bool:
    """Return whether the first bytes of a file (`HEAD_BYTES` of them) are those of a container that can hold sound."""
    if head.startswith(_STARTS) or head[8:12] in _CHUNK_TYPES.get(head[:4], ()):
        return True
    if head[4:8] == b"ftyp":
        return head[8:12] not in _PICTURE_BRANDS
    if head[:1] == b"\x47" and len(head) > 376:  # MPEG transport stream: packets of 188 bytes
        return head[188:189] == head[376:377] == b"\x47"
    length = _frame_length(head)
    return length > 0 and _frame_length(head[length:]) > 0


def _frame_length(head: bytes) -> int:
    """Return the bytes of the MPEG audio (layer 2, 3) or ADTS AAC frame that begins here; 0 if none does."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    if head[1] & 0xF6 == 0xF0:
        return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer not in {2, 3} or bit_rate in {0, 15} or rate == 3:
        return 0
    n_bytes = 72 if layer == 3 and version != 3 else 144
    padding = head[2] >> 1 & 1
    return n_bytes * 1000 * _BIT_RATES_KBPS[version == 3, layer][bit_rate] // RATES_HZ[version][rate] + padding
