// What the console does better with a script. Everything here only helps: each action works without it.
(() => {
  "use strict";
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const announce = (text) => { const at = $("#announce"); if (at) { at.textContent = ""; setTimeout(() => { at.textContent = text; }, 30); } };
  const typing = (element) => element.closest("input, textarea, select, [contenteditable], dialog");

  // Of tabs that do not all fit, the one that is open is in sight.
  for (const tab of $$(".tabs [aria-current]")) {
    const bar = tab.closest(".tabs");
    const over = tab.getBoundingClientRect().right - bar.getBoundingClientRect().right;
    if (over > 0) bar.scrollLeft += over + 40;
  }

  // Copy: the clipboard where the browser has one (https, localhost), else the text is selected for Ctrl+C.
  const copied = (button) => {
    const words = $("span", button);
    if (!words || button.classList.contains("done")) return;
    const before = words.textContent;
    words.textContent = "Copied";
    button.classList.add("done");
    announce("Copied");
    setTimeout(() => { words.textContent = before; button.classList.remove("done"); }, 1800);
  };
  const copy = async (button) => {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
      copied(button);
    } catch {
      let field = $("input, textarea", button.parentElement);
      let made = null;
      if (!field || field.value !== text) {
        made = field = document.createElement("textarea");
        field.value = text;
        field.className = "unseen";
        button.after(field);
      }
      field.focus();
      field.select();
      if (document.execCommand("copy")) { copied(button); button.focus(); if (made) made.remove(); }
      else announce("Press Ctrl+C to copy");
    }
  };
  const download = (button) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([button.dataset.download + "\n"], { type: "text/plain" }));
    link.download = button.dataset.name.replace(/\s+/g, "-");
    link.click();
    URL.revokeObjectURL(link.href);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-download], [data-stored], [data-pause]");
    if (button?.matches("[data-copy]")) copy(button);
    if (button?.matches("[data-download]")) download(button);
    if (button?.matches("[data-stored]")) leaving = null;
    if (button?.matches("[data-pause]")) pause();
    for (const open of $$("[data-drop][open]")) if (!open.contains(event.target)) open.open = false;
  });

  // A secret that is on the page once: leaving is asked for, once.
  let leaving = $("[data-leave]");
  addEventListener("beforeunload", (event) => { if (leaving) { leaving = null; event.preventDefault(); } });
  document.addEventListener("submit", () => { leaving = null; });
  // Loaded again, it is the page that the secret belongs to, and the form that made it is not sent once more.
  const kept = $("[data-stored]");
  if (kept) history.replaceState(null, "", kept.href);

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
    if (event.target.matches("[data-keys]")) try { localStorage.setItem("keys", event.target.checked ? "on" : "off"); } catch { /* then it lasts for this page */ }
  });

  // Times in words become true for this place and moment.
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const times = (from = document) => {
    for (const time of $$("time[data-time]", from)) {
      const at = new Date(time.dateTime);
      time.title = `${exact.format(at)} · ${time.dateTime.slice(0, 19).replace("T", " ")} UTC`;
    }
  };

  // Live: htmx listens; here only the word for it, and the pause.
  let paused = false;
  const state = (name, words) => {
    const at = $("#live");
    if (!at) return;
    at.hidden = false;
    at.dataset.state = name;
    $("span", at).textContent = words;
  };
  const pause = () => {
    paused = !paused;
    state(paused ? "off" : "live", paused ? "Paused" : "Live");
    for (const button of $$("[data-pause]")) {
      button.setAttribute("aria-pressed", String(paused));
      const words = $("span", button);
      if (words) words.textContent = paused ? "Go on" : "Pause";
    }
    announce(paused ? "Live updates are paused" : "Live updates go on");
    if (!paused) for (const topic of ["log", "tiles", "setup", "jobs", "tokens", "settings"]) htmx.trigger(document.body, topic);
  };
  // A picture becomes a small square PNG here; nothing larger leaves the browser.
  const picture = async (file) => {
    const [into, side] = [document.getElementById(file.dataset.picture), 48];
    into.value = "";
    if (!file.files[0]) return;
    try {
      const drawn = await createImageBitmap(file.files[0]);
      const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
      const by = Math.min(side / drawn.width, side / drawn.height);
      const [w, h] = [drawn.width * by, drawn.height * by];
      canvas.getContext("2d").drawImage(drawn, (side - w) / 2, (side - h) / 2, w, h);
      into.value = canvas.toDataURL("image/png").split(",")[1];
      announce("The picture is taken");
    } catch { file.value = ""; announce("This is no picture that a browser can read"); }
  };

  const topics = new Set(["log", "tiles", "setup", "jobs", "tokens", "settings", "apps"]);
  document.addEventListener("htmx:before:request", (event) => {
    const from = event.detail?.ctx?.sourceEvent?.type;
    if (paused && topics.has(from)) event.preventDefault();
  });
  document.addEventListener("live", () => { if (!paused) state("live", "Live"); });
  // A person's own page goes with their session.
  document.addEventListener("ended", () => location.reload());
  document.addEventListener("htmx:sse:close", () => state("lost", "Not live"));
  document.addEventListener("htmx:sse:error", () => state("lost", "Reconnecting"));
  // A page that is left lets go of its stream, also of one that was not answered yet: kept by the browser for the way
  // back, each would hold one of the few connections to this server. The way back connects again.
  addEventListener("pagehide", () => {
    const at = $("#live");
    if (!at) return;
    htmx.trigger(at, "htmx:abort");
    at._htmx?.sse?.abortController?.abort();
  });
  addEventListener("pageshow", (event) => {
    const at = $("#live");
    if (event.persisted && at && !at._htmx?.sse) htmx.ajax("GET", at.getAttribute("hx-sse:connect"), { source: at });
  });
  document.addEventListener("htmx:after:swap", (event) => times(event.target));

  // The log: whoever has scrolled down reads, and nothing moves under them; what came is told, aloud every ten seconds at most.
  const log = () => $("#log.live-part");
  const first = () => $("tr[data-row]", log())?.id;
  let [before, came, told, fresh] = [null, 0, 0, null];
  const tell = () => {
    if (!came || Date.now() - told < 10000) return;
    announce(came === 1 ? "1 new request" : `${came} new requests`);
    [came, told] = [0, Date.now()];
  };
  setInterval(tell, 2000);
  document.addEventListener("htmx:before:request", (event) => {
    const from = event.detail?.ctx;
    if (!log() || from?.sourceElement !== log() || from?.sourceEvent?.type !== "log") return;
    before = first();
    const reads = log().getBoundingClientRect().top < 0;
    if (!reads || paused) return;
    event.preventDefault();
    if (!fresh) {
      fresh = Object.assign(document.createElement("button"), { type: "button", className: "fresh-rows", textContent: "New requests – show" });
      fresh.addEventListener("click", () => { fresh.remove(); fresh = null; scrollTo(0, 0); htmx.trigger(document.body, "log"); });
      $("main").append(fresh);
      announce("There are new requests");
    }
  });
  document.addEventListener("htmx:after:swap", () => {
    if (!log() || !before || first() === before) return;
    const at = $$("tr[data-row]", log()).findIndex((row) => row.id === before);
    came += at < 0 ? $$("tr[data-row]", log()).length : at;
    before = null;
    tell();
  });

  // Rows in an order of their own can be dragged; the buttons in them do the same step by step (WCAG 2.5.7).
  let dragged = null;
  const place = (element) => element?.closest?.("tr") && $("[data-place]", element.closest("tr"));
  document.addEventListener("dragstart", (event) => { dragged = place(event.target); if (dragged) event.dataTransfer.effectAllowed = "move"; });
  document.addEventListener("dragend", () => { dragged = null; });
  document.addEventListener("dragover", (event) => { if (dragged && place(event.target)?.dataset.among === dragged.dataset.among) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    const at = place(event.target);
    if (!dragged || !at || at === dragged) return;
    event.preventDefault();
    const to = Object.assign(document.createElement("input"), { type: "hidden", name: "to", value: at.dataset.place });
    const form = dragged.closest("form");
    form.append(to);
    form.submit();
  });

  // Keys. Single ones can be switched off (WCAG 2.1.4).
  let keys = "on";
  try { keys = localStorage.getItem("keys") ?? "on"; } catch { /* no storage, no choice */ }
  const ROW = "tr[data-row], li[data-row]";
  const rows = () => $$(ROW).filter((row) => $("a", row));
  const step = (by) => {
    const all = rows();
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const to = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
    if (to) { $("a", to).focus(); to.scrollIntoView({ block: "nearest" }); }
  };
  const at = () => document.activeElement?.closest(ROW) ?? document.createElement("p");
  const link = (href) => navigator.clipboard?.writeText(href).then(() => announce("Link copied"), () => announce("The browser does not let links be copied"));
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const open of $$("[data-drop][open]")) { open.open = false; $("summary", open).focus(); }
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") { event.target.closest("form")?.requestSubmit(); return; }
    if ((event.ctrlKey || event.metaKey) && event.key === "k" && $("#search")) { $("#search").focus(); event.preventDefault(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const chosen = $("[data-keys]");
    if (chosen && !chosen.checked) return;
    if (Date.now() - going < 1500) {
      going = 0;
      const link = $(`[data-go="${CSS.escape(event.key)}"]`);
      if (link) { link.click(); event.preventDefault(); return; }
    }
    const work = {
      "/": () => ($("main [data-search]") ?? $("#search"))?.focus(),
      "?": () => $("#shortcuts")?.showModal(),
      g: () => { going = Date.now(); },
      j: () => step(1),
      k: () => step(-1),
      p: pause,
      x: () => { const pick = $("[data-pick]", at()); if (pick) pick.click(); },
      c: () => link($("a", at())?.href ?? location.href),
      ".": () => ($("main .head-action :is(a, button, summary)") ?? $("main .actions :is(a, button)"))?.focus(),
      "[": () => $("[rel=prev]", $("main"))?.click(),
      "]": () => $("[rel=next]", $("main"))?.click(),
    }[event.key];
    if (work) { work(); event.preventDefault(); }
  });

  // Passkeys.
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const ask = async (path, body, csrf) => {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-csrf-token": csrf ?? $("meta[name=csrf]")?.content ?? "" },
      body: JSON.stringify(body),
    });
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(told.message ?? "The server refused it");
    return told;
  };
  const finished = (credential) => {
    const { response } = credential;
    const out = { id: credential.id, rawId: text(credential.rawId), type: credential.type, extensions: credential.getClientExtensionResults?.() ?? {}, response: { clientDataJSON: text(response.clientDataJSON) } };
    if (response.attestationObject) {
      out.response.attestationObject = text(response.attestationObject);
      out.response.transports = response.getTransports?.() ?? [];
    } else {
      out.response.authenticatorData = text(response.authenticatorData);
      out.response.signature = text(response.signature);
      out.response.userHandle = response.userHandle ? text(response.userHandle) : null;
    }
    return out;
  };
  const signIn = async ({ at, next }) => {
    const { ticket, publicKey } = await ask(at, {});
    publicKey.challenge = bytes(publicKey.challenge);
    for (const key of publicKey.allowCredentials ?? []) key.id = bytes(key.id);
    const credential = finished(await navigator.credentials.get({ publicKey }));
    location.assign((await ask(`${at}/finish`, { ticket, credential, next })).to);
  };
  const enrol = async ({ at, csrf }, label) => {
    const { ticket, publicKey } = await ask(`${at}/begin`, {}, csrf);
    publicKey.challenge = bytes(publicKey.challenge);
    publicKey.user.id = bytes(publicKey.user.id);
    for (const key of publicKey.excludeCredentials ?? []) key.id = bytes(key.id);
    const credential = finished(await navigator.credentials.create({ publicKey }));
    await ask(`${at}/finish`, { ticket, credential, label }, csrf);
    location.reload();
  };
  const passkeys = () => {
    for (const at of $$("[data-passkey]")) {
      if (!window.PublicKeyCredential) { $("[data-without]", at)?.removeAttribute("hidden"); continue; }
      at.hidden = false;
      const button = $("button", at);
      const error = $(".error", at);
      button?.removeAttribute("hidden");
      button?.addEventListener("click", async () => {
        error.textContent = "";
        button.disabled = true;
        try { await (at.dataset.passkey === "sign-in" ? signIn(at.dataset) : enrol(at.dataset, $("input", at).value)); }
        catch (failure) { error.textContent = failure.name === "NotAllowedError" ? "It was cancelled, or took too long." : failure.message; }
        button.disabled = false;
      });
    }
  };

  const begin = () => {
    const chosen = $("[data-keys]");
    if (chosen) chosen.checked = keys !== "off";
    for (const button of $$("[data-download], [data-pause]")) button.hidden = false;
    times();
    passkeys();
    for (const at of $$("[data-place]")) at.closest("tr").draggable = true;
    $("form[data-auto]")?.submit();
    for (const file of $$("[data-picture]")) {
      file.closest(".field").hidden = false;
      file.addEventListener("change", () => picture(file));
    }
    for (const file of $$("input[type=file][data-into]")) {
      file.addEventListener("change", async () => {
        const into = document.getElementById(file.dataset.into);
        if (into && file.files[0]) into.value = await file.files[0].text();
      });
    }
    for (const field of $$("[data-with-script]")) field.hidden = false;
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
})();
