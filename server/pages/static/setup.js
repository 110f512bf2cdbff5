"use strict";
// The secret of a setup link is the fragment of the address. It is moved into the form, and out of the history.
(() => {
  const field = document.querySelector("#secret input");
  if (!field || location.hash.length < 2) return;
  field.value = decodeURIComponent(location.hash.slice(1));
  document.getElementById("secret").hidden = true;
  history.replaceState(null, "", location.pathname);
  document.querySelector("input[name=name]").focus();
})();
