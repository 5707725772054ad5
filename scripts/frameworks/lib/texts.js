// What people write, and what must not get through.

'use strict';

exports.benign = [
  'hello',
  "I <3 this team; meet @ 5 o'clock & bring snacks",
  'please select a seat from the list and drop me a note -- thanks',
  'Grüße! 你好, привет, \u{1f600} and \u{1f469}\u200d\u{1f4bb}',
  'if (a < b && c[i] > 0) { return "x" + c[i]; } // TODO: c[0]?',
  '{"a": [1, 2, {"b": null}], "c": "d\\u00e9"}',
  'a line\nand "another"\tline \\ end',
  'see https://example.com/a?b=c&d=e#f, or write to me@example.com',
  // Over the size that is judged on the event loop.
  'The quick brown fox jumps over the lazy dog, again and again. '.repeat(300)
    .trim(),
];

exports.attacks = {
  xss: '<script>alert(document.cookie)</script>',
  sqli: "' OR 1=1 -- ",
};
