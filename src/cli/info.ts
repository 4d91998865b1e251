import { openForCommand } from './adapter.js';
import { grouped, type Output, table } from './output.js';

/** `icnet info`. */
export async function info(flags: { readonly adapter: string }, output: Output): Promise<void> {
  const { adapter, features, limits, close } = await openForCommand(flags.adapter, output);
  output.emit({ adapter, features, limits });
  if (!output.json) {
    output.say(`Subgroups: ${adapter.subgroupMinSize} to ${adapter.subgroupMaxSize}`);
    output.say('');
    output.say(`Features: ${[...features].sort().join(', ')}`);
    output.say('');
    const rows = Object.entries(limits).map(([name, value]) => [name, grouped(value)]);
    for (const line of table([['Limit', 'Value'], ...rows])) output.say(line);
  }
  close();
}
