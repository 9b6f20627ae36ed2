"""What is known of each data set before it is on disk: who gives it out, on which terms, and what may be fetched freely."""

from __future__ import annotations

from dataclasses import dataclass

from tast.errors import TastError


@dataclass(frozen=True)
class RemoteFile:
    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """notice: the terms, shown before the data are used. needs_agreement: they must be accepted first. access: how to get it.

    base_url and files: where each file lies, for the sets that anybody may fetch.
    """

    title: str
    notice: str
    needs_agreement: bool
    access: str
    base_url: str = ""
    files: tuple[RemoteFile, ...] = ()


OXIMETRY_PHONE_CAM_FILES = (
    RemoteFile("LICENSE", 1071, "2658bccb3a34b4b6bdbd363aa30339df0a47e7d9309b6075de381c30747cc870"),
    RemoteFile("data/gt/100001.csv", 195369, "49025b1527cd21fa703a4e10d4c5ced40a662f7d81120c1afa33e64c26d39913"),
    RemoteFile("data/gt/100002.csv", 201616, "747a9127889f8a543cca1d147ccbd727e10120bada70af1151b4dbc7e66ed6c5"),
    RemoteFile("data/gt/100003.csv", 189292, "bae1f08830d8c42b98e79171fb61f5107f151a4838e16f364335d6010168ba66"),
    RemoteFile("data/gt/100004.csv", 180497, "30b16f52d7f12ea55f1c49b55b69bcf5624661d462893d2e5f6299d9f0aea472"),
    RemoteFile("data/gt/100005.csv", 164489, "0c0d599cdb6af9d2a430441cb269387cdad8b0f8f21038e60d12acd9707c3f2c"),
    RemoteFile("data/gt/100006.csv", 148286, "38556b3c8a0e9bc8ef5f54a34defbad79b4393ecb46f43aa1a9810e6b7840a9b"),
    RemoteFile("data/ppg-csv/Left/100001.csv", 1774256, "cce51136833d825b73f459d2f491a9414d614f7b656e255ac5a96ec7ddb043cd"),
    RemoteFile("data/ppg-csv/Left/100002.csv", 1829647, "71d787652e4259e2bd0ae9e6e1937fb6c7d35f0712f9930c5c39cf932e6125db"),
    RemoteFile("data/ppg-csv/Left/100003.csv", 1743690, "1fa881e9c7d6ff53ffc1deeeec65e2d08450fc6df501b702214e54e066382370"),
    RemoteFile("data/ppg-csv/Left/100004.csv", 1661983, "f54532ed2d2b9ff57357503b12b5701616202df165f2f061ac5ec4274c436479"),
    RemoteFile("data/ppg-csv/Left/100005.csv", 1513032, "046efc3dfa93e00b190a0cf3143cfb92aea5bc11a659cd1e8383545716a5144a"),
    RemoteFile("data/ppg-csv/Left/100006.csv", 1361630, "efbeeef22dd8bb28083ec4ee362f436f52dc69b3bf66e399ca3ed4e581df6692"),
    RemoteFile("data/ppg-csv/Right/100001.csv", 1776731, "ea115c666541158a27b5a137f14e3033b314f153c0b604e39512b8c841cd6cba"),
    RemoteFile("data/ppg-csv/Right/100002.csv", 1832746, "f9d813c4081cc9d4cd30d0c9c5a72df1b68aee970a7be4a9dd26ec985b0c42ca"),
    RemoteFile("data/ppg-csv/Right/100003.csv", 1743725, "4f48a1dbeeb8f3b2fd29f4c90585b3e71e93bf2d6913d2c1ce7b64fba2e7edc2"),
    RemoteFile("data/ppg-csv/Right/100004.csv", 1656944, "50414223db80d8bd9fd247c4d62636002c8ef82b1ec5002e825b54d64b15ab72"),
    RemoteFile("data/ppg-csv/Right/100005.csv", 1514410, "b0aeebbcb8f47e2cdb7802e2076897873bf1b244d0b6ae8b34ccba3042f00368"),
    RemoteFile("data/ppg-csv/Right/100006.csv", 1366215, "a542bc41d20f71f1bc0c57e845715370ea557ba9294bb8b768e777a7670c971e"),
)

CATALOG: dict[str, Entry] = {
    "pure": Entry(
        "PURE (Stricker et al. 2014, TU Ilmenau)",
        "given out by TU Ilmenau's Neuroinformatics and Cognitive Robotics Lab to researchers who ask for it, for non-commercial "
        "research; it may not be passed on, and faces may be shown only as its terms allow",
        needs_agreement=True,
        access="ask the lab by the form on its page; archives come by a personal link",
    ),
    "vipl_hr": Entry(
        "VIPL-HR (Niu et al. 2018, Chinese Academy of Sciences)",
        "given out by the Institute of Computing Technology (VIPL group) against a release agreement signed by a permanent "
        "member of an academic institution, for academic research; it may not be passed on",
        needs_agreement=True,
        access="send the signed release agreement; 21 archives of 48.6 GB together come by a personal link",
    ),
    "oximetry_phone_cam": Entry(
        "oximetry-phone-cam (Hoffman et al. 2022, University of Washington)",
        "MIT licence, Copyright (c) 2020 UW Ubicomp Lab: free to use and pass on with the licence text beside it; cite npj "
        "Digital Medicine 5:146",
        needs_agreement=False,
        access="fetched by the download stage",
        base_url="https://raw.githubusercontent.com/ubicomplab/oximetry-phone-cam-data/c483ae8fe4cd32b0b9ce412d07299b05279fc58f",
        files=OXIMETRY_PHONE_CAM_FILES,
    ),
    "mcd_rppg": Entry(
        "MCD-rPPG (Egorov et al. 2025, Sber AI Lab and Samara State Medical University)",
        "CC BY 4.0: free to use and pass on with the authors named (arXiv:2508.17924); it shows 600 people's faces",
        needs_agreement=False,
        access="the data set kyegorov/mcd_rppg on Hugging Face; take db.csv, video/, meta/ and ppg_sync/, and with git-lfs also "
        "`git lfs pull`, or the videos are pointers of some hundred bytes",
    ),
    "sums": Entry(
        "SUMS (Liu, Tang et al. 2024, Qinghai University and Tsinghua University)",
        "given out against a release agreement sent by a member of a faculty, for academic use; no commercial use, and it may "
        "not be passed on",
        needs_agreement=True,
        access="the agreement and the address for it are in the repository thuhci/SUMS",
    ),
    "ladh": Entry(
        "LADH and LADH+ (Ma, Tang et al. 2025, Qinghai University and Tsinghua University)",
        "given out against a release agreement, for academic use; it may not be passed on; its folders bear people's names",
        needs_agreement=True,
        access="the agreement is in the repository McJackTang/FusionVitals; ask the authors",
    ),
    "physdrive": Entry(
        "PhysDrive (Wang, Yang et al. 2025, HKUST Guangzhou)",
        "given out against a data share agreement, for academic use; no commercial use, and it may not be passed on",
        needs_agreement=True,
        access="ask the authors (repository WJULYW/PhysDrive-Dataset); one driver's videos are on Kaggle without an agreement",
    ),
    "mths": Entry(
        "MTHS (M. Farvardin and others: colours of fingertips, without videos)",
        "CC BY-NC-ND: not for commerce, to be passed on only as it is and with the authors named; a phantom that its waves drive "
        "stays with you",
        needs_agreement=True,
        access="the folder MTHS/Data of the repository MahdiFarvardin/MTVital",
    ),
}


def licence_notice(name: str) -> str:
    """One line on whose the data are and on which terms; empty for what belongs to the user."""
    return f"{CATALOG[name].title}: {CATALOG[name].notice}." if name in CATALOG else ""


def require_acceptance(name: str, accepted: bool) -> None:
    """Raises TastError with the notice where a data set comes under an agreement that the user has not said to have accepted."""
    if name in CATALOG and CATALOG[name].needs_agreement and not accepted:
        terms = "Set accept_licence to true once you hold this agreement and accept its terms"
        raise TastError(f"{licence_notice(name)} {terms}. How to get the data: {CATALOG[name].access}")
