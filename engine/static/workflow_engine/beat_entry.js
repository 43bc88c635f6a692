"use strict";

// Says in words what the chosen cron expression means, below it. What django-celery-beat's own page
// does in a script of its HTML, which the platform's content security policy does not allow.
(function ($) {
  const inWords = JSON.parse(document.getElementById("readable-crontabs").textContent);
  $(".field-crontab_translation").hide();
  $("#id_crontab").on("change", function () {
    const help = $(".field-crontab .help").first();
    help.find(".crontab-in-words").remove();
    const words = inWords[this.value];
    if (words) {
      help.append($("<div class=crontab-in-words></div>").text("Translation: " + words));
    }
  });
})(django.jQuery);
