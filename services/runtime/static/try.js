// The document and every call carry the token of the field, which stays on this page and is gone with it.
"use strict";
const token = document.getElementById("token");

function read() {
  window.SwaggerUIBundle({
    url: "/schema/openapi.json",
    dom_id: "#api",
    validatorUrl: null,
    tryItOutEnabled: true,
    supportedSubmitMethods: ["get", "head", "post", "delete"],
    requestInterceptor: (request) => {
      if (token.value) request.headers.Authorization = `Bearer ${token.value}`;
      return request;
    },
  });
}

document.getElementById("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  read();
});
read();
