
// The explorer's comfort: lists follow what is typed and chosen, "/" goes to the search, Ctrl Enter asks.
(() => {
  const form = document.querySelector("form[data-live]");
  if (form) {
    let waiting = 0;
    let asking;
    const address = () => {
      const said = new URLSearchParams();
      for (const [name, value] of new FormData(form)) if (value && !(name === "sort" && value === form.elements.sort?.options[0].value)) said.set(name, value);
      const query = said.toString();
      return form.getAttribute("action") + (query ? `?${query}` : "");
    };
    const show = async (at, push) => {
      const results = document.querySelector(form.dataset.live);
      asking?.abort();
      asking = new AbortController();
      results.setAttribute("aria-busy", "true");
      try {
        const answer = await fetch(at, { headers: { Accept: "text/html" }, signal: asking.signal });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.querySelector(form.dataset.live);
        if (!fresh) throw new Error("another page");
        results.replaceChildren(...fresh.childNodes);
        if (push) history.replaceState(null, "", at);
        results.removeAttribute("aria-busy");
      } catch (error) {
        if (error.name !== "AbortError") location.assign(at);
      }
    };
    const soon = (after) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => show(address(), true), after);
    };
    form.addEventListener("input", (event) => { if (event.target.type === "search") soon(200); });
    form.addEventListener("change", (event) => { if (event.target.tagName === "SELECT") soon(0); });
    form.addEventListener("submit", (event) => { event.preventDefault(); soon(0); });
  }

  addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const box = document.querySelector("#q, input[type=search]");
      if (box) {
        event.preventDefault();
        box.focus();
      }
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea[data-submit]")) {
      event.target.form.requestSubmit();
    }
  });
})();
