// YAML with a little colour. Lines are what the server wrote; nothing is read back.
const LINE = /^(\s*(?:- )*)("(?:[^"\\]|\\.)*"|[^\s:#"'][^:#]*?)(:)(\s.*)?$/;

export function Yaml({ text }: { text: string }) {
  return (
    <pre class="yaml" tabIndex={0} role="region" aria-label="Text of the object">
      <code>
        {text
          .trimEnd()
          .split("\n")
          .map((line) => {
            const parts = LINE.exec(line);
            if (!parts) return `${line}\n`;
            const [, indent, key, colon, value = ""] = parts;
            return (
              <>
                {indent}
                <b>{key}</b>
                {colon}
                <span class={tone(value.trim())}>{value}</span>
                {"\n"}
              </>
            );
          })}
      </code>
    </pre>
  );
}

function tone(value: string): string {
  if (/^-?\d+(\.\d+)?$/.test(value)) return "number";
  if (/^(true|false|null)$/.test(value)) return "word";
  return "text";
}
