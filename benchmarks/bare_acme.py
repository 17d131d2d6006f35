"""The floor: what the library `acme` needs for the same order, with nothing looked at or kept.

Arguments: directory, its CA bundle, zone, name server, TSIG name, algorithm and secret, output.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import dns.query
import dns.tsigkeyring
import dns.update
from acme import challenges, client, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from josepy.jwa import ES256
from josepy.jwk import JWKEC

T = TypeVar("T")


def again(call: Callable[[], T]) -> T:
    """Until the nonce is good."""
    while True:
        try:
            return call()
        except messages.Error as error:
            if "badNonce" not in error.typ:
                raise


def main() -> None:
    """New account, order for apex and wildcard, TXT by an update, answers, certificate."""
    url, bundle, zone, server, name, algorithm, secret, output = sys.argv[1:]
    key = JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
    net = client.ClientNetwork(key, alg=ES256, verify_ssl=bundle, user_agent="bare")  # type: ignore[arg-type]
    acme = client.ClientV2(client.ClientV2.get_directory(url, net), net)
    again(lambda: acme.new_account(messages.NewRegistration(terms_of_service_agreed=True)))
    leaf = ec.generate_private_key(ec.SECP256R1())
    san = x509.SubjectAlternativeName([x509.DNSName(one) for one in (f"*.{zone}", zone)])
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(san, critical=False)
        .sign(leaf, hashes.SHA256())
    )
    order = again(lambda: acme.new_order(csr.public_bytes(Encoding.PEM)))
    keyring = dns.tsigkeyring.from_text({name: secret})
    update = dns.update.UpdateMessage(zone, keyring=keyring, keyalgorithm=algorithm)
    asked = [
        body
        for one in order.authorizations
        for body in one.body.challenges
        if isinstance(body.chall, challenges.DNS01)
    ]
    for body in asked:
        update.add(f"_acme-challenge.{zone}.", 60, "TXT", f'"{body.chall.validation(key)}"')
    dns.query.tcp(update, server)
    for body in asked:
        again(lambda body=body: acme.answer_challenge(body, body.response(key)))
    waiting = list(order.authorizations)
    while waiting:
        looked = [again(lambda one=one: acme.poll(one))[0] for one in waiting]
        waiting = [one for one in looked if one.body.status != messages.STATUS_VALID]
    final = again(lambda: acme.begin_finalization(order))
    while True:
        body = messages.Order.from_json(again(lambda: acme._post_as_get(final.uri)).json())  # noqa: SLF001  its poller sleeps
        if body.status == messages.STATUS_VALID:
            break
    pem = again(lambda: acme._post_as_get(body.certificate)).text  # noqa: SLF001
    Path(output).write_text(pem)


main()
