import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const CONNECTORS_DIR = join(__dirname, 'connectors');

/** A connector as it should be: its name and its whole configuration, all values texts. */
export interface ConnectorDefinition {
  name: string;
  config: Record<string, string>;
}

/**
 * Reads the connector files and fills their `{{PLACEHOLDER}}`s. `${env:…}` stays as it is: the worker resolves it,
 * so that no secret stands in a connector's configuration.
 *
 * @throws Error for a placeholder without a value
 */
export function readDefinitions(placeholders: Record<string, string>, dir: string = CONNECTORS_DIR) {
  return readdirSync(dir)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file): ConnectorDefinition => {
      const { name, config } = JSON.parse(readFileSync(join(dir, file), 'utf8')) as ConnectorDefinition;
      const filled = Object.entries(config).map(([key, value]) => [
        key,
        value.replaceAll(/\{\{(\w+)\}\}/g, (_whole, placeholder: string) => {
          const found = placeholders[placeholder];
          if (found === undefined) throw new Error(`${file}: nothing stands for {{${placeholder}}}`);
          return found;
        }),
      ]);
      return { name, config: Object.fromEntries(filled) as Record<string, string> };
    });
}

export interface Difference {
  key: string;
  /** `undefined`: the key is not there. */
  actual: string | undefined;
  desired: string | undefined;
}

/** What `apply` would change, by key. Connect adds the connector's name to its configuration; that is no difference. */
export function differences(desired: ConnectorDefinition, actual: Record<string, string>): Difference[] {
  const wanted: Record<string, string> = { ...desired.config, name: desired.name };
  return [...new Set([...Object.keys(wanted), ...Object.keys(actual)])]
    .sort()
    .map((key) => ({ key, actual: actual[key], desired: wanted[key] }))
    .filter(({ actual: is, desired: should }) => is !== should);
}
