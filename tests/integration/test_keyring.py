"""The key file: who may read it, what happens when it is lost, and two that make it at once."""

import multiprocessing
import os
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from windlass.credentials.keyring import Keyring
from windlass.domain.errors import Conflict, Invalid

SECRET = "correct horse"


@pytest.fixture
def path(room: Path) -> Path:
    return room / "secret-keys"


def refusal(path: Path, ciphertext: bytes) -> Invalid:
    with pytest.raises(Invalid) as refused:
        Keyring(path).decrypt(ciphertext)
    return refused.value


@pytest.mark.parametrize("secret", [SECRET, "", "été 注文", "x" * 100_000, "a\nb\0c"])
def test_a_secret_comes_back_as_it_was(path: Path, secret: str) -> None:
    ciphertext = Keyring(path).encrypt(secret)

    assert Keyring(path).decrypt(ciphertext) == secret
    assert not secret or secret.encode() not in ciphertext


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_its_owner_reads_the_key_file(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        Keyring(path).encrypt(SECRET)
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o7777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_first_key_encrypts_and_each_one_decrypts(path: Path) -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    path.write_bytes(old + b"\n")
    stored = Keyring(path).encrypt(SECRET)

    path.write_bytes(new + b"\n" + old + b"\n")

    assert Keyring(path).decrypt(stored) == SECRET
    assert Fernet(new).decrypt(Keyring(path).encrypt(SECRET)) == SECRET.encode()


def test_another_key_opens_nothing_and_says_so(path: Path) -> None:
    stored = Keyring(path).encrypt(SECRET)
    path.write_bytes(Fernet.generate_key())

    refused = refusal(path, stored)

    assert refused.code == "CRED001"
    assert refused.message == f"no key in {path} opens this credential"


def test_a_changed_ciphertext_is_refused(path: Path) -> None:
    stored = Keyring(path).encrypt(SECRET)

    assert refusal(path, stored[:-5] + b"AAAA=").code == "CRED001"
    assert refusal(path, b"").code == "CRED001"


def test_a_lost_key_file_is_not_made_anew_to_decrypt(path: Path) -> None:
    stored = Keyring(path).encrypt(SECRET)
    path.unlink()

    assert refusal(path, stored).code == "CRED002"
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"\n", b"not a key\n", b"\xff\xfe\n"])
def test_a_key_file_that_holds_no_key_is_refused_and_kept(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(Invalid) as refused:
        Keyring(path).encrypt(SECRET)

    assert refused.value.code == "CRED002"
    assert path.read_bytes() == content


def test_a_key_file_in_a_folder_that_is_not_there_is_refused(room: Path) -> None:
    with pytest.raises(Invalid) as refused:
        Keyring(room / "lost" / "secret-keys").encrypt(SECRET)

    assert refused.value.code == "CRED002"


def test_what_a_crash_left_behind_does_not_stop_the_next_start(path: Path) -> None:
    """In a container the process number is the same after every start."""
    path.with_name(f".{path.name}.{os.getpid()}").touch()

    assert Keyring(path).decrypt(Keyring(path).encrypt(SECRET)) == SECRET


def test_of_threads_that_make_the_key_at_once_one_wins_for_all(path: Path) -> None:
    barrier = threading.Barrier(8)
    stored: list[bytes] = []

    def encrypt() -> None:
        barrier.wait()
        stored.append(Keyring(path).encrypt(SECRET))

    threads = [threading.Thread(target=encrypt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [Keyring(path).decrypt(each) for each in stored] == [SECRET] * 8


def _encrypt(path: Path) -> bytes:
    return Keyring(path).encrypt(SECRET)


def test_of_processes_that_make_the_key_at_once_one_wins_for_all(path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        stored = pool.map(_encrypt, [path] * 8, chunksize=1)

    assert [Keyring(path).decrypt(each) for each in stored] == [SECRET] * 8
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_keys_of_the_environment_take_the_files_place(path: Path) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    before = Keyring(path, [old]).encrypt(SECRET)
    ring = Keyring(path, [new, old])

    after = ring.encrypt(SECRET)

    assert (ring.decrypt(before), Fernet(new).decrypt(after)) == (SECRET, SECRET.encode())
    assert (ring.keys(), ring.keep(1), path.exists()) == ([new, old], 0, False)
    with pytest.raises(Conflict) as refused:
        ring.add_key()
    assert refused.value.code == "CRED025"
    with pytest.raises(Invalid) as lost:
        Keyring(path, [Fernet.generate_key().decode()]).decrypt(before)
    assert lost.value.message == "no key in WINDLASS_SECRET_KEYS opens this credential"
