import { roles } from '../../model/role.ts';
import { StringEnum } from '../../model/schema.ts';

export const RoleSchema = StringEnum(roles);
