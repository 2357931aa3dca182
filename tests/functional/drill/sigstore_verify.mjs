// Verifies a Sigstore bundle with Sigstore's own library: sigstore_verify.mjs PACKAGES BUNDLE KEY.pub FINGERPRINT
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createPublicKey } from "node:crypto";

const [packages, bundlePath, keyPath, fingerprint] = process.argv.slice(2);
const require = createRequire(`${packages}/`);
const { bundleFromJSON } = require("@sigstore/bundle");
const { Verifier, toSignedEntity, toTrustMaterial } = require("@sigstore/verify");

const der = createPublicKey(readFileSync(keyPath)).export({ format: "der", type: "spki" });
const nobody = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
const trust = toTrustMaterial(nobody, { [fingerprint]: { rawBytes: der } });
const verifier = new Verifier(trust, { tlogThreshold: 0, timestampThreshold: 0, ctlogThreshold: 0 });

try {
  const bundle = bundleFromJSON(JSON.parse(readFileSync(bundlePath, "utf8")));
  verifier.verify(toSignedEntity(bundle));
  console.log(`accepted ${bundle.mediaType}`);
} catch (error) {
  console.log(`refused ${error.code ?? error.name}`);
}
