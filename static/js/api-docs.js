"use strict";
// Draws the contract with Swagger UI, which is served from here; nothing is fetched from elsewhere.
(() => {
  const place = document.getElementById("contract");
  window.SwaggerUIBundle({
    domNode: place,
    url: place.dataset.url,
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: -1,
    displayRequestDuration: true,
    persistAuthorization: false,
    validatorUrl: null,
    // The page has a title and an address of its own.
    plugins: [() => ({ wrapComponents: { InfoContainer: () => () => null } })],
  });
})();
