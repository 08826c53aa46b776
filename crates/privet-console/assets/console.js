// Passkeys, and what cannot be done by a form. Everything else here works without it.
"use strict";

(() => {
  const json = async (path, body, csrf) => {
    const headers = { "content-type": "application/json" };
    if (csrf) headers["x-privet-csrf"] = csrf;
    const response = await fetch(path, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      credentials: "same-origin",
      redirect: "error",
    });
    const answer = await response.json().catch(() => ({}));
    if (answer?.error?.code === "proof_needed") {
      window.location.assign(`/console/proof?next=${window.location.pathname}`);
      return new Promise(() => {});
    }
    if (!response.ok) throw new Error(answer?.error?.message ?? "It did not work. Try again.");
    return answer;
  };

  const request = async (path, body, csrf) => {
    const { publicKey } = await json(path, body, csrf);
    const options = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
    return (await navigator.credentials.get({ publicKey: options })).toJSON();
  };

  const ways = {
    "sign-in": async () => {
      const tenant = document.querySelector("input[name=tenant]")?.value.trim();
      const of = tenant ? { tenant } : {};
      const credential = await request("/api/v1/sessions/passkey/options", of);
      await json("/api/v1/sessions/passkey", { ...of, credential });
    },
    prove: async (place) => {
      const csrf = place.dataset.csrf;
      const credential = await request("/api/v1/me/proof/passkey/options", {}, csrf);
      await json("/api/v1/me/proof/passkey", { credential }, csrf);
    },
    add: async (place) => {
      const csrf = place.dataset.csrf;
      const { publicKey } = await json("/api/v1/me/passkeys/options", {}, csrf);
      const options = PublicKeyCredential.parseCreationOptionsFromJSON(publicKey);
      const credential = (await navigator.credentials.create({ publicKey: options })).toJSON();
      const name = place.querySelector("input[name=passkey_name]").value;
      const { recovery_codes: codes } = await json("/api/v1/me/passkeys", { name, credential }, csrf);
      if (!codes?.length) return false;
      const list = place.querySelector("ul.codes");
      for (const code of codes) {
        const item = document.createElement("li");
        item.append(Object.assign(document.createElement("code"), { textContent: code }));
        list.append(item);
      }
      place.querySelector("div.codes").hidden = false;
      place.querySelector("button").hidden = true;
      return true;
    },
  };

  const canPasskeys =
    window.PublicKeyCredential?.parseRequestOptionsFromJSON && PublicKeyCredential.parseCreationOptionsFromJSON;

  for (const place of canPasskeys ? document.querySelectorAll("[data-passkey]") : []) {
    const button = place.querySelector("button");
    const problem = place.querySelector(".problem");
    place.hidden = false;
    button.addEventListener("click", async () => {
      button.disabled = true;
      problem.textContent = "";
      try {
        const stays = await ways[place.dataset.passkey](place);
        // Only a path of the console: the server says which.
        if (!stays) window.location.assign(place.dataset.next);
      } catch (error) {
        problem.textContent =
          error.name === "NotAllowedError" ? "The passkey was not used: it was cancelled, or took too long." : error.message;
      } finally {
        button.disabled = false;
      }
    });
  }

  // An invite travels behind the `#`, which no browser sends and no server writes down.
  const field = document.querySelector("[data-from-fragment]");
  if (field && window.location.hash.startsWith("#prvi_")) {
    field.value = decodeURIComponent(window.location.hash.slice(1));
    history.replaceState(null, "", window.location.pathname);
  }

  // Renewing rests while nobody looks.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.detail.requestConfig?.verb === "get") event.preventDefault();
  });

  // What is renewed keeps the place of whoever reads it by keyboard, and how far it was scrolled.
  let kept = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const region = event.detail.target.querySelector?.(".scroll");
    kept = region && { isFocused: region.contains(document.activeElement), left: region.scrollLeft };
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const region = document.getElementById(event.detail.target.id)?.querySelector(".scroll");
    if (kept && region) {
      region.scrollLeft = kept.left;
      if (kept.isFocused) region.focus({ preventScroll: true });
    }
    kept = null;
  });
})();
