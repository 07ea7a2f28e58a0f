// Asks for a token where the address brought none, or none that is good any more.

import { beginWith } from "./fragment.js";

/** Shows the form in place of everything else, and says why. */
export function askForToken(why) {
  const form = document.querySelector("#sign-in");
  form.querySelector("p").textContent = why;
  form.hidden = false;
  document.querySelector("main").hidden = true;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    beginWith("token", new FormData(form).get("token").trim());
  });
  form.querySelector("input").focus();
}
