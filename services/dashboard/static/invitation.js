// The secret of an invitation stands behind the # of its link, which browsers keep to themselves.
const form = document.getElementById("open-invitation");
const secret = location.hash.slice(1);
if (form && secret) {
  history.replaceState(null, "", location.pathname);
  form.elements.secret.value = secret;
  if (!("refused" in form.dataset)) form.requestSubmit();
}
