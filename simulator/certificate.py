"""A certificate of the venue's own, for https and wss on this machine."""

import shutil
import ssl
import subprocess
from pathlib import Path

VALID_DAYS = "30"


class NoCertificate(Exception):
    """The certificate could not be made; the text says why."""


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server context with a fresh self-signed certificate for localhost, and the certificate's file to trust.

    Raises NoCertificate when the openssl program is missing or fails.
    """
    if shutil.which("openssl") is None:
        raise NoCertificate("--tls: found no openssl program, expected it on the PATH; install it or leave --tls out")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", VALID_DAYS, "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        reason = made.stderr.strip().splitlines()[-1] if made.stderr.strip() else f"exit code {made.returncode}"
        raise NoCertificate(f"--tls: openssl made no certificate ({reason}); leave --tls out or repair openssl")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
