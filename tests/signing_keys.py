"""Keys of identity providers, and how they publish them."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

_CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


@dataclass(frozen=True)
class SigningKey:
    """`jwk`: the public half as a provider publishes it, without id or algorithm."""

    private_pem: str
    public_pem: str
    jwk: dict[str, Any]


@cache
def a_key(algorithm: str, name: str = "") -> SigningKey:
    """A key for an algorithm, the same one for the same name."""
    if algorithm.startswith("RS"):
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        jwk = json.loads(RSAAlgorithm.to_jwk(private.public_key()))
    else:
        private = ec.generate_private_key(_CURVES[algorithm]())
        jwk = json.loads(ECAlgorithm.to_jwk(private.public_key()))
    jwk.pop("key_ops", None)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return SigningKey(pem, public, jwk)
